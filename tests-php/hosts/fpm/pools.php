<?php

// The children of php-fpm: they share builds and binaries, and each pool has its own settings.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

test('each pool uses the build server of its own settings', function (Sandbox $sandbox): void {
    $servers = ['one' => $sandbox->velox(), 'two' => $sandbox->anotherVelox(), 'three' => $sandbox->anotherVelox()];
    $sandbox->unset('velox_server_url');
    $pools = array_map(fn (FakeVelox $server): array => ["php_admin_value[pillion.velox_server_url] = {$server->url}"], $servers);
    $host = new Fpm($sandbox, $pools);
    foreach (array_keys($servers) as $pool) {
        $answer = Http::decode($host->many([['build', ['name' => "of {$pool}"]]], 1, pool: $pool)[0]);
        same(true, $answer['answer']['good'] ?? null, show($answer));
    }
    same([1, 1, 1], array_values(array_map(fn (FakeVelox $server): int => $server->counter('build_requests'), $servers)));
});

test('pools share the cache of their namespace only', function (Sandbox $sandbox): void {
    $of = fn (string $namespace): array => ["php_admin_value[pillion.cache_namespace] = {$namespace}"];
    $host = new Fpm($sandbox, ['one' => $of('shop'), 'two' => $of('shop'), 'three' => $of('blog')]);
    $ask = fn (string $pool, array $query): mixed => Http::decode($host->many([['cache', $query]], 1, pool: $pool)[0])['answer'];
    same(true, $ask('one', ['key' => 'a', 'value' => 'of the shop']));
    same(['of the shop', null], [$ask('two', ['key' => 'a']), $ask('three', ['key' => 'a'])]);
});

test('pools of several users share the cache with pillion.group, others have no part in it', function (Sandbox $sandbox): void {
    posix_geteuid() === 0 || fail('only root can be several users: run this as root, in a container say');
    // It needs no entry in the list of groups.
    $group = 61234;
    foreach (['state_dir', 'run_dir'] as $setting) {
        $directory = "{$sandbox->directory}/shared-{$setting}";
        mkdir($directory);
        chgrp($directory, $group);
        chmod($directory, 0o2770);
        $sandbox->set($setting, $directory);
    }
    $sandbox->set('group', (string) $group);
    $of = fn (string $user, int|string $group): array => ["user = {$user}", "group = {$group}", 'pm.max_children = 1'];
    $host = new Fpm($sandbox, ['one' => $of('www-data', $group), 'two' => $of('nobody', $group), 'other' => $of('nobody', posix_getgrgid(posix_getpwnam('nobody')['gid'])['name'])]);
    $ask = fn (string $pool, array $query): mixed => Http::decode($host->many([['cache', $query]], 1, pool: $pool)[0])['answer'];
    same(true, $ask('one', ['key' => 'a', 'value' => 'of one']));
    same(['of one', true], [$ask('two', ['key' => 'a']), $ask('two', ['key' => 'a', 'value' => 'of two'])]);
    same('of two', $ask('one', ['key' => 'a']));
    // Without the group, the cache is not there, and not in the way.
    same(false, $ask('other', ['key' => 'b', 'value' => 'foreign']));
    same([null, null, 'of two'], [$ask('other', ['key' => 'a']), $ask('one', ['key' => 'b']), $ask('two', ['key' => 'a'])]);
});

test('a value that a child has decoded serves its next requests', function (Sandbox $sandbox): void {
    $host = new Fpm($sandbox, ['www' => ['pm.max_children = 1']]);
    $ask = fn (string $how): ?string => json_decode($host->many([['cached', ['how' => $how]]], 1)[0]['body'], true)['answer'] ?? null;
    $one = '{"array":{"name":"one","list":["a","b",3],"5":null},"text":"text","n":1.5}["one",["a","b",3]]';
    same($one, $ask('store'));
    foreach (['read', 'read', 'exit', 'read', 'memory', 'read', 'memory', 'replace'] as $how) {
        same(in_array($how, ['exit', 'memory'], true) ? null : $one, $ask($how), $how);
    }
    $two = '{"array":{"name":"two","list":["a","b",3,"new"],"5":null},"text":"text","n":1.5}["two",["a","b",3,"new"]]';
    foreach (['read', 'read', 'memory', 'read'] as $how) {
        same($how === 'memory' ? null : $two, $ask($how), $how);
    }
});

test('no request reads a value of the past', function (Sandbox $sandbox): void {
    $host = new Fpm($sandbox, files: ['application.php', 'register.php', 'fpm/index.php']);
    // Several requests of each child: values that it has decoded outlive them.
    $answers = $host->many(array_map(fn (int $number): array => ['register', ['number' => (string) $number]], range(1, 9)), 3);
    $history = new History();
    foreach ($answers as $answer) {
        $history->add(base64_decode(Http::decode($answer)['answer']));
    }
    same(null, $history->contradiction());
    same(null, $history->decrease(9999));
    is_true(min($history->reads, $history->writes) > 500, "too few: {$history->reads} reads of other values, {$history->writes} changes");
});

test('a build continues after its request, and after the response of a waiting request', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1);
    $host = new Fpm($sandbox);
    $began = microtime(true);
    $host->ask('submit', name: 'one');
    $later = $host->many([['later', ['name' => 'two']]], 1)[0];
    is_true(microtime(true) - $began < 0.9, 'the response waited for the build');
    same(true, in_array(json_decode($later['body']), ['pending', 'running'], true), show($later));
    foreach (['one', 'two'] as $name) {
        $found = eventually("binary {$name} exists", fn (): ?array => $host->ask('find', name: $name)['answer'], 10);
        same(['HIT', true], [$found['status'], $found['good']]);
    }
    same(0, $velox->counter('builds_cancelled'));
});

test('a child that reaches max_requests during its build hands it over to a waiter', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 100]]]);
    $host = new Fpm($sandbox, ['www' => ['pm.max_requests = 4']]);
    $builder = $host->ask('submit', name: 'one')['pid'];
    $velox->awaitInFlight(1);
    // A process of the command line; the pool's children would end too.
    $waiter = new Fpm($sandbox, name: 'other');
    $answer = $waiter->many([['build', ['name' => 'one']]], 1, 30, function () use ($host, $builder): void {
        usleep(200_000);
        is_alive($builder) && $host->ask('hello');
    })[0];
    same(true, Http::decode($answer)['answer']['good'] ?? null, show($answer));
    same(false, is_alive($builder));
    same(2, $velox->counter('build_requests'));
});

test('variables set by a request affect no other request, those of its pool do', function (Sandbox $sandbox): void {
    [$of_pool, $of_request] = [$sandbox->sentry(), $sandbox->sentry()];
    $sandbox->unset('sentry_dsn');
    $one = ['pm.max_children = 1'];
    $host = new Fpm($sandbox, ['www' => $one, 'named' => [...$one, "env[SENTRY_DSN] = {$of_pool->dsn}"]]);
    $ask = static fn (string $pool, string $path, array $query): mixed => Http::decode($host->many([[$path, $query]], 1, pool: $pool)[0])['answer'];
    foreach (['www' => [], 'named' => [sprintf('%032x', 1)]] as $pool => $taken) {
        same([true, true, $taken], $ask($pool, 'tenant', ['dsn' => $of_request->dsn, 'from' => '1']), $pool);
        same(count($taken), count($ask($pool, 'sentry', ['from' => '2', 'count' => '1'])), $pool);
    }
    $of_pool->await([sprintf('%032x', 1), sprintf('%032x', 2)]);
    same([], $of_request->events());
});
