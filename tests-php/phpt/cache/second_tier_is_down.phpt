--TEST--
a second tier that does not answer leaves all to the memory of the host, also in a forked child
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['cache_url' => 'redis://user:s3cret@127.0.0.1:1/2', 'cache_namespace' => 'shop', 'log_level' => 'error']);

use Pillion\Cache;

$use = static function (): array {
    return [
        Cache\get('key', 'default'),
        Cache\set('key', [1.5], 60, ['tag']),
        Cache\get('key'),
        Cache\add('key', 2),
        Cache\set_multiple(['one' => 1, 'two' => 2], 60),
        Cache\get_multiple(['one', 'two', 'three'], 'none'),
        Cache\increment('count', 5, 60),
        Cache\touch('one', 60),
        Cache\has('two'),
        Cache\delete('two'),
        Cache\invalidate_tags(['tag']),
        Cache\has('key'),
        is_string($token = Cache\lock('name', 30.0)),
        Cache\lock_owner('name') === $token,
        Cache\lock_refresh('name', $token, 30.0),
        Cache\unlock('name', $token),
        Cache\clear(),
        Cache\remember('produced', fn () => 'new', 60),
        Cache\delete_multiple(['produced', 'one']),
        Cache\clear(),
    ];
};
echo json_encode($first = $use()), "\n";
$pid = pcntl_fork();
if ($pid === 0) {
    echo json_encode($use() === $first), "\n";
    exit(0);
}
pcntl_waitpid($pid, $status);
$second = Cache\stats()['second_tier'];
var_dump($second['url'], $second['connected'], $second['lost_writes'] > 0);
?>
--EXPECT--
["default",true,[1.5],false,true,{"one":1,"two":2,"three":"none"},5,true,true,true,1,false,true,true,true,true,true,"new",true,true]
true
string(30) "redis://********@127.0.0.1:1/2"
bool(false)
bool(true)
