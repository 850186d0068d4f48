--TEST--
A Sentry\SentrySdk that returns no hub, such as a test double, stops no request
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt']);

$hub = 'return new class { function configureScope($f) { %s } function pushScope() { return %s; } function popScope() { return %s; } };';
$bodies = [
    'null' => 'return null;',
    'text' => 'return "hub";',
    'array' => 'return ["Sentry\SentrySdk", "getCurrentHub"];',
    'an object without methods' => 'return new \stdClass();',
    'a hub without scopes' => sprintf($hub, '', 'null', 'false'),
    'a hub whose scope is a text' => sprintf($hub, '$f("scope");', '"scope"', '7'),
    'another one each time' => sprintf($hub, '$f(new \stdClass());', 'new \stdClass()', 'true'),
    'it throws' => 'throw new \LogicException("no hub");',
];
foreach ($bodies as $what => $body) {
    foreach (['', 'static function startContext() { return 1; } static function endContext() { return 1; }'] as $contexts) {
        $found = php("eval('namespace Sentry; final class SentrySdk { {$contexts} static function getCurrentHub() { {$body} } }');" . <<<'PHP'
            $served = 0;
            for ($i = 0; $i < 3; $i++) {
                Pillion\Worker\request_begin();
                $served++;
                Pillion\Worker\request_end();
            }
            echo $served;
            PHP);
        $found['output'] === '3' || print "{$what}: " . json_encode($found) . "\n";
    }
}
// A regular SDK class beside it.
echo php('eval(\'namespace Sentry; final class SentrySdk { static int $n = 0; static function startContext() { self::$n++; } static function endContext() {} static function getCurrentHub() { return null; } }\');
    Pillion\Worker\request_begin(); Pillion\Worker\request_end(); echo Sentry\SentrySdk::$n;')['output'], "\n";
?>
--EXPECT--
1
