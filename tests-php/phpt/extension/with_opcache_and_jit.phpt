--TEST--
Opcache and its JIT don't change results
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

$ended = php('
    use Pillion\{Artifacts, Velox};

    function loop(array $request): int
    {
        $sum = 0;
        for ($i = 0; $i < 20_000; ++$i) {
            $found = Artifacts\find("2eccb077c71e1f91");
            $sum += $found->size + strlen($found->key) + count($found->config["plugins"]);
            $sum += null === Velox\find("0000000000000000") ? 1 : 0;
            if (0 === $i % 1000) {
                $sum += Velox\build($request)->wait()->size;
                try {
                    Velox\key([]);
                } catch (Pillion\InvalidRequestException $e) {
                    $sum += count($e->violations());
                }
            }
        }

        return $sum;
    }

    Velox\build(request())->wait(30);
    var_dump(loop(request()));
    $status = function_exists("opcache_get_status") ? opcache_get_status() : null;
    var_dump($status["opcache_enabled"] ?? null, $status["jit"]["on"] ?? null);
', [], ['-d', 'zend_extension=opcache', '-d', 'opcache.enable_cli=1', '-d', 'opcache.jit_buffer_size=32M', '-d', 'opcache.jit=tracing']);
echo $ended['output'], $ended['errors'];
?>
--EXPECT--
int(1312410760)
bool(true)
bool(true)
