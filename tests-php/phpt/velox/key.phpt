--TEST--
key() is the Velox plugin's: the order of plugins and the case of letters don't count, flags do
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Velox;

echo Velox\key(request()), "\n";
$upper = array_map(fn ($plugin) => array_map(strtoupper(...), $plugin), array_reverse(request()['plugins']));
echo Velox\key(request(['plugins' => $upper, 'rr_version' => ' v2025.1.2 ', 'force_rebuild' => true])), "\n";
var_dump(Velox\key(request(['race' => true])) === Velox\key(request()));
?>
--EXPECT--
2eccb077c71e1f91
2eccb077c71e1f91
bool(false)
