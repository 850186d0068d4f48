--TEST--
Every process finds the binaries of all others, also after they have ended
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Artifacts;

a_file('rr', 'one');
var_dump(Artifacts\find('00000000000000aa'));
echo php('echo Pillion\Artifacts\put("00000000000000aa", scratch("rr"), ["config" => ["from" => "another"]])->wait(30)->key, "\n";')['output'];
var_dump(Artifacts\find('00000000000000aa')->config, Artifacts\find('00000000000000aa')->verify());
// The disk is authoritative: binaries are found without the shared memory too.
echo php('
    use Pillion\Artifacts;
    until(fn () => null !== Artifacts\find("00000000000000aa"));
    echo Artifacts\find("00000000000000aa")->config["from"], " ", count(Artifacts\entries()), "\n";
', ['run_dir' => scratch('another-run')])['output'];
?>
--EXPECT--
NULL
00000000000000aa
array(1) {
  ["from"]=>
  string(7) "another"
}
bool(true)
another 1
