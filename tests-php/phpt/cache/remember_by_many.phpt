--TEST--
one of many processes produces a value; a killed producer is replaced, a stopped one after a while; a signal ends a wait
--EXTENSIONS--
pcntl
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['cache_producer_timeout' => '60s']);

use Pillion\Cache;

const CALLER = '
    [$file, $key] = [scratch("produced"), getenv("KEY")];
    echo Pillion\Cache\remember($key, function () use ($file, $key) {
        file_put_contents($file, "$key\n", FILE_APPEND);
        usleep(20_000);
        return "by a caller";
    });';

/** A process that begins to produce and never ends. */
function endless(string $key): array
{
    $process = php_start("Pillion\\Cache\\remember('$key', function () { touch(scratch('$key')); while (true) sleep(60); });");
    while (!file_exists(scratch($key))) {
        usleep(1000);
    }

    return $process;
}

/** Several callers at the same time: the values that they get, and how often one was produced. */
function callers(string $key, array $settings = []): string
{
    putenv("KEY=$key");
    $callers = array_map(fn () => php_start(CALLER, $settings), range(1, 4));
    $outputs = array_map(fn (array $caller) => php_end($caller)['output'], $callers);
    $produced = array_count_values(file(scratch('produced'), FILE_IGNORE_NEW_LINES))[$key] ?? 0;

    return implode(', ', array_unique($outputs)) . "; produced: $produced\n";
}

echo callers('nobody');
$killed = endless('killed');
proc_terminate($killed['process'], SIGKILL);
echo callers('killed');
php_end($killed);

$stopped = endless('stopped');
proc_terminate($stopped['process'], SIGSTOP);

$waiting = php_start('
    pcntl_async_signals(true);
    pcntl_signal(SIGUSR1, fn () => throw new Exception("signal"));
    try {
        touch(scratch("waiting"));
        Pillion\Cache\remember("stopped", fn () => "produced");
    } catch (Exception $exception) {
        echo $exception->getMessage();
    }');
while (!file_exists(scratch('waiting'))) {
    usleep(1000);
}
proc_terminate($waiting['process'], SIGUSR1);
echo php_end($waiting)['output'], "\n";
proc_terminate($stopped['process'], SIGKILL);
php_end($stopped);

Cache\delete('stopped');
$stopped = php_start("Pillion\\Cache\\remember('late', function () { touch(scratch('late')); while (true) sleep(60); });", ['cache_producer_timeout' => '50ms']);
while (!file_exists(scratch('late'))) {
    usleep(1000);
}
proc_terminate($stopped['process'], SIGSTOP);
echo callers('late', ['cache_producer_timeout' => '60s']);
proc_terminate($stopped['process'], SIGKILL);
php_end($stopped);
?>
--EXPECT--
by a caller; produced: 1
by a caller; produced: 1
signal
by a caller; produced: 1
