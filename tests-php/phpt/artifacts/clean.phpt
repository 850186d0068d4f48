--TEST--
clean() removes expired binaries, keeps recently used ones, and returns the counts
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

a_file('rr', str_repeat('x', 1000));
echo php('
    use Pillion\Artifacts;
    Artifacts\put("00000000000000aa", scratch("rr"), ["ttl" => 60])->wait(30);
    Artifacts\put("00000000000000ab", scratch("rr"))->wait(30);
    // Just expired: another process may be about to read it.
    $lately = Artifacts\put("00000000000000ac", scratch("rr"), ["ttl" => 0.2])->wait(30);
    until(fn () => null === Artifacts\find("00000000000000ac"));
    var_dump(Artifacts\clean()->wait(30)["expired_removed"], is_file($lately->path));
')['output'];

// The first entry becomes two hours older, on disk (authoritative) and therefore in a new index.
$folder = scratch('state/.rr-cache/velox-binaries/00/00');
$entry = json_decode(file_get_contents("$folder/00000000000000aa.json"), true);
foreach (['created_at', 'expires_at'] as $name) {
    $entry[$name] = gmdate('Y-m-d\TH:i:s\Z', strtotime($entry[$name]) - 7200);
}
file_put_contents("$folder/00000000000000aa.json", json_encode($entry));
@unlink(scratch('state/.rr-cache/velox-binaries/index.json'));
echo php('
    use Pillion\Artifacts;
    until(fn () => null !== Artifacts\find("00000000000000ab"));
    $report = Artifacts\clean()->wait(30);
    echo json_encode(array_map(get_debug_type(...), $report)), "\n";
    // This process is the leader, which also cleans and may have removed the file already.
    until(fn () => 1 === Artifacts\stats()["evicted_expired"]);
    $report = Artifacts\clean()->wait(30);
    var_dump($report["expired_removed"], $report["lru_removed"], $report["entries_remaining"], $report["complete"]);
    var_dump(Artifacts\find("00000000000000ab")->verify());
', ['run_dir' => scratch('another-run')])['output'];
var_dump(glob("$folder/00000000000000aa*"), count(glob("$folder/00000000000000ab*")));
?>
--EXPECT--
int(0)
bool(true)
{"expired_removed":"int","lru_removed":"int","temporaries_removed":"int","strays_removed":"int","bytes_freed":"int","entries_remaining":"int","complete":"bool","seconds":"float"}
int(0)
int(0)
int(2)
bool(true)
bool(true)
array(0) {
}
int(3)
