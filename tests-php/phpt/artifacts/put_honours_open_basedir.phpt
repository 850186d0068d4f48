--TEST--
put() obeys open_basedir and resolves relative paths in PHP's working directory
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

a_file('inside', 'inside');
mkdir(scratch('allowed'));
file_put_contents(scratch('allowed/rr'), 'allowed');
symlink(scratch('inside'), scratch('allowed/link'));
$ended = php('
    use Pillion\Artifacts;
    $put = fn (string $path) => Artifacts\put("00000000000000aa", $path)->wait(30)->size . "\n";
    chdir(scratch("allowed"));
    ini_set("open_basedir", scratch("allowed"));
    foreach ([scratch("allowed/rr"), "rr", "./rr", "../inside", scratch("inside"), scratch("allowed/../inside"), scratch("allowed/link"), "/etc/passwd"] as $path) {
        try {
            echo $put($path);
        } catch (Pillion\InvalidRequestException $e) {
            echo json_encode($e->violations()), "\n";
        }
    }
    // open_basedir does not apply to the files of Pillion itself.
    echo Artifacts\find("00000000000000aa")->verify() ? "whole" : "broken", "\n";
');
echo preg_replace('/^\n?Warning: .*open_basedir restriction in effect.*\n/m', '', $ended['output']), $ended['errors'];
?>
--EXPECT--
7
7
7
[{"field":"path","message":"open_basedir does not allow it"}]
[{"field":"path","message":"open_basedir does not allow it"}]
[{"field":"path","message":"open_basedir does not allow it"}]
[{"field":"path","message":"open_basedir does not allow it"}]
[{"field":"path","message":"open_basedir does not allow it"}]
whole
