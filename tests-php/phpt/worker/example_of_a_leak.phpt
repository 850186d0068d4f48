--TEST--
examples/leak.php reports its leak by name, as printed in the guide
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error']);
require __DIR__ . '/../../../examples/leak.php';
?>
--EXPECT--
Request 1:
Request 2:
Request 3:
Request 4:
Request 5:
Request 6:
Request 7:
Request 8:
  Shop\Basket::$items: array 1 → 7 elements  (leak.php:14)
  Shop\Mailer->sent: array 1 → 7 elements, +384 bytes  (leak.php:20)
Request 9:
  Shop\Basket::$items: array 1 → 8 elements  (leak.php:14)
  Shop\Mailer->sent: array 1 → 8 elements, +448 bytes  (leak.php:20)
Request 10:
  Shop\Basket::$items: array 1 → 9 elements, +128 bytes  (leak.php:14)
  Shop\Mailer->sent: array 1 → 9 elements, +640 bytes  (leak.php:20)
