--TEST--
Values of a request's scope, with their objects, are freed at its end
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Worker;

final class Loud
{
    public function __construct(private string $name) {}

    public function __destruct()
    {
        echo "{$this->name} is gone\n";
    }
}

Worker\scope_set('boot', new Loud('boot'));
var_dump(Worker\scope_get('boot') instanceof Loud, Worker\scope_get('no'), Worker\scope_get('no', 'default'));
Worker\on_reset(static function (): void {
    echo 'hook sees ', json_encode(Worker\scope_get('list')), "\n";
});
Worker\request_begin();
var_dump(Worker\scope_get('boot'));
$list = [1, 2];
Worker\scope_set('list', $list);
$list[] = 3;
Worker\scope_set('object', new Loud('first'));
Worker\scope_set('object', new Loud('second'));
Worker\scope_set("\0 any bytes \xff", null);
var_dump(Worker\scope_get("\0 any bytes \xff", 'default'));
Worker\request_end();
echo "between\n";
var_dump(Worker\scope_get('list', 'nothing'));
try {
    Worker\scope_set('list', $list);
} catch (Pillion\StateException $e) {
    echo $e->getCode(), ': ', $e->getMessage(), "\n";
}
Worker\request_begin();
var_dump(Worker\scope_get('list'), Worker\scope_get('object'));
Worker\scope_set('last', new Loud('last'));
?>
--EXPECT--
bool(true)
NULL
string(7) "default"
NULL
first is gone
NULL
hook sees [1,2]
boot is gone
second is gone
between
string(7) "nothing"
800: scope_set() was called between two requests: there is no scope to keep it in
NULL
NULL
hook sees null
last is gone
