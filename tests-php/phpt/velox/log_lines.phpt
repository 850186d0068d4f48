--TEST--
Each request of one build has its own log line, and durations have units
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 400], ['log' => '{dir}/pillion.log', 'log_format' => 'json']);

/** @return list<array<string, mixed>> the lines of that event, as soon as there are that many */
function lines(string $event, int $count): array
{
    $read = fn (): array => array_values(array_filter(
        array_map(fn (string $line): array => json_decode($line, true), file(scratch('pillion.log'))),
        fn (array $line): bool => $line['event'] === $event,
    ));
    until(fn (): bool => count($read()) >= $count);

    return $read();
}

$ids = ['0b0e6f3c-6d0a-4a6e-9f7a-000000000001', '0b0e6f3c-6d0a-4a6e-9f7a-000000000002'];
$futures = array_map(fn (string $id) => Pillion\Velox\build(['request_id' => $id] + request()), $ids);
array_walk($futures, fn ($future) => $future->wait(30));
Pillion\Velox\build(request())->wait(30);
$completed = lines('build completed', 2);
$logged = array_column($completed, 'request_id');
sort($logged);
var_dump($velox->count('builds_started'), $logged === $ids);
var_dump(count(preg_grep('/^\d+(\.\d)?(ms|s)$/', array_column($completed, 'build_duration'))));
var_dump(preg_match('/^\d+s$/', lines('cache hit', 1)[0]['cache_age']));
Pillion\Artifacts\clean()->wait(30);
var_dump(preg_match('/^\d+(\.\d)?(µs|ms|s)$/', lines('cache cleanup completed', 1)[0]['duration']));
?>
--EXPECT--
int(1)
bool(true)
int(2)
int(1)
int(1)
