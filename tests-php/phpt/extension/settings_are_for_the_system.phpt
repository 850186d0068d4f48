--TEST--
A script can't change settings
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['threads' => 2]);

foreach (array_keys(ini_get_all('pillion')) as $name) {
    if (false !== ini_set($name, '1') || 4 !== ini_get_all('pillion')[$name]['access']) {
        echo "$name can be changed\n";
    }
}
var_dump(count(ini_get_all('pillion')) > 20, ini_get('pillion.threads'), ini_get('pillion.velox_build_timeout'));
?>
--EXPECT--
bool(true)
string(1) "2"
string(0) ""
