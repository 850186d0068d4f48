<?php

// The shared cache of several hosts, each with directories of its own, before one Redis, and before one Valkey: a host
// sees the stores of another one, no call waits for a server that is gone, and it is used again when it is back.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/second_tier.php';

foreach (['Redis' => 'REDIS', 'Valkey' => 'VALKEY', 'what Dragonfly has of it' => 'FAKE_REDIS'] as $name => $variable) {
    test("hosts share values, counters, tags and locks through {$name}", function (Sandbox $sandbox) use ($variable): void {
        match ($variable) {
            'FAKE_REDIS' => start_behind_proxy($sandbox, (string) getenv('REDIS'), '--dragonfly'),
            default => start_server($sandbox, (string) getenv($variable)),
        };
        $one = on_host($sandbox);
        $other = on_host($sandbox->sibling());
        same(true, $one('Cache\set("key", ["a" => 1.5, "b" => [1, "x"]], 60)'));
        same('{"a":1.5,"b":[1,"x"]}', command($sandbox, 'GET', 'key'), 'for other languages');
        same(['a' => 1.5, 'b' => [1, 'x']], $other('Cache\get("key")'));
        same(true, $other('Cache\set("key", 2, 60)'));
        eventually('the other host\'s value', fn (): bool => $one('Cache\get("key")') === 2);
        same('+OK', command($sandbox, 'SET', 'key', '"three"'));
        eventually('another program\'s value', fn (): bool => $one('Cache\get("key")') === 'three' && $other('Cache\get("key")') === 'three');
        same(true, $one('Cache\set("page", "html", 60, ["news"])'));
        same('html', $other('Cache\get("page")'));
        same(1, $other('Cache\invalidate_tags(["news"])'));
        eventually('the invalidated tag', fn (): bool => $one('Cache\get("page")') === null);
        same([1, 3, 3], [$one('Cache\increment("n", 1, 60)'), $other('Cache\increment("n", 2)'), $one('Cache\get("n")')]);
        same([true, false], [$one('Cache\add("once", 1, 60)'), $other('Cache\add("once", 2, 60)')]);
        $token = $one('Cache\lock("import", 30.0)');
        same([null, $token], [$other('Cache\lock("import", 30.0)'), $other('Cache\lock_owner("import")')], 'a lock of the other host');
        same('+OK', command($sandbox, 'SCRIPT', 'FLUSH'));
        same([true, true], [$one("Cache\\lock_refresh('import', '{$token}', 20.0)"), $one("Cache\\unlock('import', '{$token}')")]);
        is_true($other('Cache\lock("import", 30.0)') !== null, 'the lock is free');
        same('object', $one('Cache\set("o", new ArrayObject([7]), 60) ? "object" : null'));
        same(7, $other('Cache\get("o")[0]'));
        same(['o' => 7, 'gone' => 'd'], $other('array_map(fn ($v) => is_object($v) ? $v[0] : $v, Cache\get_multiple(["o", "gone"], "d"))'));
        same(true, $one('Cache\delete("key")'));
        eventually('the removed value', fn (): bool => $other('Cache\get("key")') === null);
        same('+OK', command($sandbox, 'FLUSHALL'));
        eventually('the emptied server', fn (): bool => $other('Cache\has("o")') === false && $one('Cache\has("o")') === false);
    });
}

test('values of a killed process are dropped when another host may change them', function (Sandbox $sandbox): void {
    start_server($sandbox, (string) getenv('REDIS'));
    $survivor = on_host($sandbox);
    $survivor('Cache\set("own", 1, 60)');
    $killed = $sandbox->php('Pillion\Cache\set("key", "old", 60); report("stored"); fgets(STDIN);');
    $killed->receive('stored');
    same('old', $survivor('Cache\get("key")'));
    $killed->kill();
    same('+OK', command($sandbox, 'SET', 'key', '"new"'));
    eventually('the new value', fn (): bool => $survivor('Cache\get("key")') === 'new');
});

test('a server that is stopped, killed or empty is never in the way', function (Sandbox $sandbox): void {
    $server = start_server($sandbox, (string) getenv('REDIS'));
    $host = on_host($sandbox, ['pillion.cache_timeout_ms' => '100']);
    same(true, $host('Cache\set("key", 1, 60)'));
    // Each call ends after 100 ms, and none waits once the breaker is open.
    $server->signal(SIGSTOP);
    $calls = '(function () { for ($i = 0; $i < 50; $i++) { Cache\set("during", $i, 60); Cache\get("none{$i}"); }'
        . ' return [Cache\get("during"), Cache\stats()["second_tier"]["breaker"] !== "closed"]; })()';
    same([49, true], $host($calls), 'the first tier, the open breaker');
    // By the runtime, which no call waits for.
    eventually('lost writes are counted', fn (): bool => $host('Cache\stats()["second_tier"]["lost_writes"] >= 50'));
    // The connection that covered it has ended, so the host does not have it either.
    same(false, $host('Cache\delete("key")'));
    is_true($host('Cache\lock("import", 30.0) !== null'), 'a lock of this host');
    $server->signal(SIGCONT);
    eventually('the server is used again', fn (): bool => $host('Cache\set("after", 1, 60) && Cache\stats()["second_tier"]["breaker"] === "closed"'));
    eventually('what was removed meanwhile is removed', fn (): bool => command($sandbox, 'EXISTS', 'key', 'during') === ':0');
    same([true, true], $host('[Cache\set("known", 1, 60), Cache\get("known") === 1]'));
    $server->kill();
    same([true, 2], $host('[Cache\set("down", 2, 60), Cache\get("down")]'));
    eventually('the loss is noticed', fn (): bool => $host('Cache\get("none") === null && !Cache\stats()["second_tier"]["connected"]'));
    unlink($sandbox->directory . '/server.sock');
    start_server($sandbox, (string) getenv('REDIS'));
    eventually('the new server is used', fn (): bool => $host('Cache\set("again", 3, 60)') && command($sandbox, 'GET', 'again') === '3');
    same([null, 3], $host('[Cache\get("known"), Cache\get("again")]'), 'a value of the former server is gone');
});

foreach ([['maxmemory-policy allkeys-lru', 'maxmemory 5mb'], ['tracking-table-max-keys 200']] as $limits) {
    test('no copy stays when a server evicts values or reports: ' . implode(', ', $limits), function (Sandbox $sandbox) use ($limits): void {
        start_server($sandbox, (string) getenv('REDIS'));
        foreach ($limits as $limit) {
            same('+OK', command($sandbox, 'CONFIG', 'SET', ...explode(' ', $limit)));
        }
        $one = on_host($sandbox);
        $store = 'array_sum(array_map(fn ($i) => (int) Cache\set("e{$i}", str_repeat("text", 1000), 60), range(1, 1500)))';
        same(1500, $one($store));
        $other = on_host($sandbox->sibling());
        same(1500, $other(str_replace('str_repeat("text", 1000)', '"new"', $store)));
        $old = 'count(array_filter(array_map(fn ($i) => Cache\get("e{$i}"), range(1, 1500)), fn ($value) => $value !== null && $value !== "new"))';
        eventually('all values are new ones', fn (): bool => $one($old) === 0);
    });
}

test('a server that evicts values, or has no memory for more, returns no wrong ones', function (Sandbox $sandbox): void {
    start_server($sandbox, (string) getenv('REDIS'));
    same(['+OK', '+OK'], [command($sandbox, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'), command($sandbox, 'CONFIG', 'SET', 'maxmemory', '5mb')]);
    $one = on_host($sandbox);
    $other = on_host($sandbox->sibling());
    $value = 'str_repeat("{$i} ", 1000)';
    same(1500, $one("array_sum(array_map(fn (\$i) => (int) Cache\\set(\"e{\$i}\", {$value}, 60, [\"tag \" . \$i % 100]), range(1, 1500)))"));
    $read = "array_count_values(array_map(fn (\$i) => match (Cache\\get(\"e{\$i}\")) { null => 'none', {$value} => 'right', default => 'wrong' }, range(1, 1500)))";
    foreach ([$one, $other] as $host) {
        $counts = $host($read);
        is_true(!isset($counts['wrong']) && min($counts['none'] ?? 0, $counts['right'] ?? 0) > 50, show($counts));
    }
    same(1, $one('Cache\invalidate_tags(["tag 7"])'));
    $of_tag = 'count(array_filter(array_map(fn ($i) => Cache\get("e" . $i * 100 + 7), range(0, 14))))';
    same(0, $one($of_tag));
    eventually('the invalidated tag', fn (): bool => $other($of_tag) === 0);
    same(['+OK', '+OK'], [command($sandbox, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction'), command($sandbox, 'CONFIG', 'SET', 'maxmemory', '1mb')]);
    same([true, null], $one('[Cache\set("more", 1, 60), Cache\lock("more", 30.0)]'));
    is_true($one('Cache\stats()["second_tier"]["lost_writes"]') > 0, 'the lost store is counted');
});

// A call that waits for the server leaves the processor, for about the timeout. One that waits for a lock of its own
// process leaves it for a moment, and one that is displaced does not leave it by itself.
const CALLS = <<<'PHP'
    $switches = static function (): int {
        preg_match('/^voluntary_ctxt_switches:\s+(\d+)/m', file_get_contents('/proc/thread-self/status'), $found);

        return (int) $found[1];
    };
    $calls = [
        fn (int $i) => Pillion\Cache\set("set {$i}", $i, 60, ['tag']),
        fn (int $i) => Pillion\Cache\get("none {$i}"),
        fn (int $i) => Pillion\Cache\get_multiple(["none {$i}", "other {$i}"]),
        fn (int $i) => Pillion\Cache\set_multiple(["one {$i}" => 1, "two {$i}" => 2]),
        fn (int $i) => Pillion\Cache\add("add {$i}", $i),
        fn (int $i) => Pillion\Cache\increment('counter'),
        fn (int $i) => Pillion\Cache\delete("set {$i}"),
        fn (int $i) => Pillion\Cache\has("has {$i}"),
        fn (int $i) => Pillion\Cache\touch("one {$i}", 60),
        fn (int $i) => Pillion\Cache\lock("lock {$i}", 60.0),
        fn (int $i) => Pillion\Cache\remember("remembered {$i}", fn () => $i, 60),
        fn (int $i) => Pillion\Cache\invalidate_tags(['tag']),
    ];
    // The connection is established.
    Pillion\Cache\get('none');
    while (ready()) {
        for ($i = 0, $waits = []; $i < 40; ++$i) {
            foreach ($calls as $number => $call) {
                [$before, $begun] = [$switches(), hrtime(true)];
                $call($i);
                hrtime(true) - $begun > 50e6 && $switches() > $before && $waits[] = $number;
            }
        }
        // The runtime counts, and no call waits for it.
        for ($end = hrtime(true) + 10e9; Pillion\Cache\stats()['second_tier']['lost_writes'] < 40 && hrtime(true) < $end;) {
            usleep(1000);
        }
        report('waits', [$waits, Pillion\Cache\stats()['second_tier']]);
    }
    PHP;

test('no call waits for a server that does not answer, but the few that find it out', function (Sandbox $sandbox): void {
    [$server, $proxy] = start_behind_proxy($sandbox, (string) getenv('REDIS'));
    $tell = static function (string $line) use ($proxy): string {
        $proxy->writeLine($line);

        return (string) $proxy->line();
    };
    foreach (['silent', 'slow 400', 'bytes -LOADING Redis is loading the dataset in memory\r\n', 'bytes $536870912\r\n', 'bytes +what?\r\n', 'stopped', 'killed'] as $manner) {
        $host = $sandbox->php(CALLS, ini: ['pillion.cache_timeout_ms' => '100']);
        $host->receive('ready');
        match ($manner) {
            'stopped' => $server->signal(SIGSTOP),
            'killed' => $proxy->kill(),
            default => same('done', $tell($manner)),
        };
        $counts = $manner === 'killed' ? [0, 0] : explode(' ', $tell('counts'));
        $host->writeLine('go');
        [$waits, $stats] = $host->receive('waits');
        $sent = $manner === 'killed' ? 0 : explode(' ', $tell('counts'))[1] - $counts[1];
        // Three failures in a row; an exchange has several commands. Then there are probes, each on its own connection.
        note("{$manner}: " . count($waits) . " of 480 calls wait, {$sent} commands");
        is_true(count($waits) <= 12, "{$manner}: calls that wait: " . show($waits));
        is_true($sent <= 60, "{$manner}: {$sent} commands");
        // Without a connection, and none is tried yet, calls end at once although the breaker is closed.
        is_true(!$stats['connected'] && $stats['lost_writes'] >= 40, "{$manner}: " . show($stats));
        $host->kill();
        $manner === 'stopped' && $server->signal(SIGCONT);
        $manner === 'killed' || same('done', $tell('pass'));
    }
});

test('a signal ends the wait for a stopped server', function (Sandbox $sandbox): void {
    $server = start_server($sandbox, (string) getenv('REDIS'));
    $program = $sandbox->php(<<<'PHP'
        Pillion\Cache\set('key', 1, 60);
        pcntl_async_signals(true);
        pcntl_signal(SIGUSR1, fn () => throw new RuntimeException('signal'));
        ready();
        report('outcome', outcome(fn () => [report('begun'), Pillion\Cache\get('missing')]));
        report('kept', Pillion\Cache\stats()['second_tier']['breaker']);
        PHP, ini: ['pillion.cache_timeout_ms' => '60000']);
    $program->receive('ready');
    $server->signal(SIGSTOP);
    $program->writeLine();
    $program->receive('begun');
    eventually('it sleeps', fn (): bool => str_contains((string) file_get_contents("/proc/{$program->pid}/stat"), ') S '));
    $program->signal(SIGUSR1);
    same(['class' => 'RuntimeException', 'message' => 'signal'], $program->receive('outcome'));
    same('closed', $program->receive('kept'));
    $server->signal(SIGCONT);
    same(0, $program->wait());
});

test('stores behind and of the first tier, and a server with a password', function (Sandbox $sandbox): void {
    start_server($sandbox, (string) getenv('REDIS'));
    $behind = $sandbox->php('for ($i = 0; $i < 300; $i++) Pillion\Cache\set("b{$i}", $i, 60); report("done");', ini: ['pillion.cache_write' => 'behind']);
    $behind->receive('done');
    same(0, $behind->wait());
    $own = '(function () { for ($i = 1; $i <= 3000; ++$i) { Cache\set("own", $i, 60); $seen = Cache\get("own");'
        . ' if ($seen !== $i) { return "{$seen} after {$i}"; } } return "current"; })()';
    same('current', on_host($sandbox, ['pillion.cache_write' => 'behind'])($own), 'a process reads its own stores');
    same(':300', command($sandbox, 'EXISTS', ...array_map(fn (int $i): string => "b{$i}", range(0, 299))), 'sent before the end');
    $first = on_host($sandbox, ['pillion.cache_write' => 'first-tier', 'pillion.cache_namespace' => 'shop']);
    same([true, 1], $first('[Cache\set("f", 1, 60), Cache\get("f")]'));
    same(':0', command($sandbox, 'EXISTS', 'f', 'shop:f'));
    same('+OK', command($sandbox, 'SET', 'shop:g', '[1]'));
    same([[1], true], $first('[Cache\get("g"), Cache\clear()]'));
    eventually('only the namespace is empty', fn (): bool => command($sandbox, 'EXISTS', 'shop:g', 'b0') === ':1');
    same(false, on_host($sandbox)('Cache\clear()'), 'without a namespace');
    same(':1', command($sandbox, 'EXISTS', 'b0'), 'other programs may have stored it');
    same('+OK', command($sandbox, 'CONFIG', 'SET', 'requirepass', 's3cret'));
    $socket = $sandbox->directory . '/server.sock';
    $sibling = $sandbox->sibling();
    $wrong = on_host($sibling, ['pillion.cache_url' => "unix://:wr0ng@{$socket}"]);
    same(null, $wrong('Cache\get("b7")'));
    $right = on_host($sibling, ['pillion.cache_url' => "unix://:s3cret@{$socket}?db=0"]);
    same(7, $right('Cache\get("b7")'));
    foreach ([$wrong, $right] as $host) {
        is_true(!preg_match('/s3cret|wr0ng/', json_encode($host('Cache\stats()'))), 'no password in stats()');
    }
    is_true(!preg_match('/s3cret|wr0ng/', $sibling->errorOutput()), 'no password in the log');
    $sibling->set('cache_url', "unix://:s3cret@{$socket}?db=0");
    same([true, null], on_host($sibling, ['pillion.cache_clear_database' => '1'])('[Cache\clear(), Cache\get("b7")]'));
});
