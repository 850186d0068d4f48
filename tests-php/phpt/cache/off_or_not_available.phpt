--TEST--
a cache that is off or can't be opened is never in the way
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$code = <<<'PHP'
    use Pillion\Cache;
    echo json_encode([
        Cache\set('a', 1), Cache\get('a', 'default'), Cache\add('a', 1), Cache\has('a'), Cache\delete('a'), Cache\increment('a', 3),
        Cache\get_multiple(['a'], 0), Cache\keys(), Cache\lock('a', 1), Cache\invalidate_tags(['a']), Cache\clear(),
        Cache\stats()['available'], Cache\stats()['enabled'],
    ]), "\n";
    PHP;
echo php($code, ['cache_enabled' => 'off'])['output'];
file_put_contents(scratch('file'), '');
$broken = php($code, ['run_dir' => scratch('file')]);
echo $broken['output'];
echo substr_count(file_get_contents(scratch('log')), 'shared cache not available'), " line in the log\n";
putenv('CACHE_ENABLED=false');
echo php($code)['output'];
?>
--EXPECT--
[false,"default",false,false,false,3,{"a":0},[],null,0,false,false,false]
[false,"default",false,false,false,3,{"a":0},[],null,0,false,false,true]
1 line in the log
[false,"default",false,false,false,3,{"a":0},[],null,0,false,false,false]
