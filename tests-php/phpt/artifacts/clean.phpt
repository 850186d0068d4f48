--TEST--
clean() throws away what has expired, leaves what was used lately, and tells what it did
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Artifacts;

$file = a_file('rr', str_repeat('x', 1000));
$old = Artifacts\put('00000000000000aa', $file, ['ttl' => 60])->wait(30);
Artifacts\put('00000000000000ab', $file)->wait(30);
// Expired this moment: whoever found it before may still be about to read it.
$lately = Artifacts\put('00000000000000ac', $file, ['ttl' => 0.2])->wait(30);
until(fn () => null === Artifacts\find('00000000000000ac'));
var_dump(Artifacts\clean()->wait(30)['expired_removed'], is_file($lately->path));

// Two hours pass for the first one: on the disk, which is the truth, and in a new index.
$json = dirname($old->path) . '/00000000000000aa.json';
$entry = json_decode(file_get_contents($json), true);
foreach (['created_at', 'expires_at', 'accessed_at'] as $name) {
    isset($entry[$name]) && $entry[$name] = gmdate('Y-m-d\TH:i:s\Z', strtotime($entry[$name]) - 7200);
}
file_put_contents($json, json_encode($entry));
// The export would tell the new index that it was found just now.
@unlink(dirname($json, 3) . '/index.json');
echo php('
    use Pillion\Artifacts;
    until(fn () => null !== Artifacts\find("00000000000000ab"));
    $report = Artifacts\clean()->wait(30);
    echo json_encode(array_map(get_debug_type(...), $report)), "\n";
    // The steward, which this process is, may have been faster.
    var_dump($report["expired_removed"] <= 1, $report["lru_removed"], $report["entries_remaining"], $report["complete"]);
    var_dump(Artifacts\stats()["evicted_expired"], Artifacts\clean()->wait(30)["expired_removed"]);
    var_dump(Artifacts\find("00000000000000ab")->verify());
', ['run_dir' => scratch('another-run')])['output'];
var_dump(is_file($old->path), is_file($json));
?>
--EXPECT--
int(0)
bool(true)
{"expired_removed":"int","lru_removed":"int","temporaries_removed":"int","strays_removed":"int","bytes_freed":"int","entries_remaining":"int","complete":"bool","seconds":"float"}
bool(true)
int(0)
int(2)
bool(true)
int(1)
int(0)
bool(true)
bool(false)
bool(false)
