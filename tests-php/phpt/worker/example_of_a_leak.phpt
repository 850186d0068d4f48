--TEST--
The example of a leak is told by name, as the guide prints it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error']);
require __DIR__ . '/../../../examples/leak.php';
?>
--EXPECT--
Request 1:
Request 2:
  Shop\Basket::$items: array 1 → 2 elements  (leak.php:14)
Request 3:
  Shop\Basket::$items: array 2 → 3 elements  (leak.php:14)
  Shop\Mailer->sent: array 2 → 3 elements, +64 bytes  (leak.php:20)
Request 4:
  Shop\Basket::$items: array 3 → 4 elements  (leak.php:14)
  Shop\Mailer->sent: array 3 → 4 elements, +64 bytes  (leak.php:20)
Request 5:
  Shop\Basket::$items: array 4 → 5 elements  (leak.php:14)
  Shop\Mailer->sent: array 4 → 5 elements, +64 bytes  (leak.php:20)
