--TEST--
Sentry SDK scope data of a request is absent from the next, with contexts or one hub
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt']);

// The application's calls at its start, and those of each request.
const LOOP = <<<'PHP'
    use Pillion\Worker;
    use Sentry\SentrySdk;
    use Sentry\State\Scope;

    function tag(string $key, string $value): void
    {
        SentrySdk::getCurrentHub()->configureScope(static fn (Scope $scope) => $scope->setTag($key, $value));
    }

    function tags(): string
    {
        SentrySdk::getCurrentHub()->configureScope(static function (Scope $scope) use (&$tags): void {
            $tags = $scope->tags();
        });

        return json_encode((object) $tags, JSON_THROW_ON_ERROR);
    }

    $boot();
    foreach (['ann', 'bob', 'eve', 'dan'] as $who) {
        Worker\request_begin($who);
        $work($who);
        Worker\request_end();
    }
    echo 'after ', tags(), ' ', SentrySdk::getCurrentHub()->layers(), "\n\n";
    PHP;

$sdk = static fn (string $name): string => 'require ' . var_export(__DIR__ . "/sentry/{$name}.inc", true) . ';';
$cases = [
    'set up before the loop' => [
        '$boot = function () { %s Sentry\SentrySdk::init(); tag("release", "7"); };',
        '$work = function ($who) { echo $who, " ", tags(); tag("user", $who); echo " ", tags(), "\n"; };',
    ],
    'scopes left over, and taken away' => [
        '$boot = function () { %s tag("release", "7"); };',
        '$work = function ($who) {
            echo $who, " ", tags(), "\n";
            tag("user", $who);
            for ($i = 0; $i < 5; $i++) {
                Sentry\SentrySdk::getCurrentHub()->pushScope();
            }
            $who === "eve" && Sentry\SentrySdk::getCurrentHub()->popScope();
            tag("deep", $who);
        };',
    ],
    'set up in the first request' => [
        '$boot = fn () => null;',
        '$work = function ($who) { %s echo $who, " ", tags(); tag("user", $who); echo " ", tags(), "\n"; };',
    ],
    'set up in each request' => [
        '$boot = function () { %s };',
        '$work = function ($who) { echo $who, " ", tags(); Sentry\SentrySdk::init(); tag("user", $who); echo " ", tags(), "\n"; };',
    ],
];
foreach (['hubs', 'contexts'] as $name) {
    foreach ($cases as $case => $parts) {
        echo "{$name}, {$case}:\n";
        // Like an autoloader: once, on first use.
        $code = str_replace('%s', 'class_exists("Sentry\SentrySdk", false) || ' . rtrim(str_replace('require ', '(require ', $sdk($name)), ';') . ');', implode("\n", $parts));
        $told = php($code . LOOP);
        echo $told['output'], $told['errors'];
    }
}
// An SDK that throws stops nothing.
$told = php($sdk('contexts') . '
    $boot = function () {
        tag("release", "7");
        Pillion\Worker\on_reset(fn () => print("hook\n"));
    };
    $work = function ($who) {
        echo $who, " ", tags(), "\n";
        tag("user", $who);
        $who === "bob" && Sentry\SentrySdk::$fails = new LogicException("the transport is gone");
    };' . LOOP . 'echo Sentry\SentrySdk::$ended, " ended, ", json_encode(Pillion\Worker\status()["hooks"]), "\n";');
echo $told['output'], $told['errors'];
?>
--EXPECTF--
hubs, set up before the loop:
ann {"release":"7"} {"release":"7","user":"ann"}
bob {"release":"7"} {"release":"7","user":"bob"}
eve {"release":"7"} {"release":"7","user":"eve"}
dan {"release":"7"} {"release":"7","user":"dan"}
after {"release":"7"} 1

hubs, scopes left over, and taken away:
ann {"release":"7"}
bob {"release":"7"}
eve {"release":"7"}
dan {"release":"7"}
after {"release":"7"} 1

hubs, set up in the first request:
ann {} {"user":"ann"}
bob {} {"user":"bob"}
eve {} {"user":"eve"}
dan {} {"user":"dan"}
after {} 2

hubs, set up in each request:
ann {} {"user":"ann"}
bob {} {"user":"bob"}
eve {} {"user":"eve"}
dan {} {"user":"dan"}
after {} 2

contexts, set up before the loop:
ann {"release":"7"} {"release":"7","user":"ann"}
bob {"release":"7"} {"release":"7","user":"bob"}
eve {"release":"7"} {"release":"7","user":"eve"}
dan {"release":"7"} {"release":"7","user":"dan"}
after {"release":"7"} 1

contexts, scopes left over, and taken away:
ann {"release":"7"}
bob {"release":"7"}
eve {"release":"7"}
dan {"release":"7"}
after {"release":"7"} 1

contexts, set up in the first request:
ann {} {"user":"ann"}
bob {} {"user":"bob"}
eve {} {"user":"eve"}
dan {} {"user":"dan"}
after {} 2

contexts, set up in each request:
ann {} {"user":"ann"}
bob {} {"user":"bob"}
eve {} {"user":"eve"}
dan {} {"user":"dan"}
after {} 2

ann {"release":"7"}
hook
bob {"release":"7"}
hook
eve {"release":"7"}
hook
dan {"release":"7"}
hook
after {"release":"7"} 1

4 ended, {"registered":1,"run":4,"failed":0,"skipped":0}
time=%s level=error event="reset failed" pid=%d class=LogicException message="the transport is gone" place=%s
