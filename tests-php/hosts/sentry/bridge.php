<?php

// The bridge to sentry-php, with a fake Sentry and the SDK's substitute in php/tests, or the real SDK (SENTRY_SDK).

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

const LOAD = "require '" . __DIR__ . "/../../../php/tests/load.php';\n" . <<<'PHP'
    use Pillion\Bridge\Sentry\{HttpClient, Transport};

    final class Lines extends Psr\Log\AbstractLogger
    {
        public array $lines = [];

        public function log($level, string|\Stringable $message, array $context = []): void
        {
            $this->lines[] = "{$level}: {$message}";
        }
    }

    function client(array $options): Sentry\ClientInterface
    {
        return Sentry\ClientBuilder::create($options + ['dsn' => getenv('DSN')])->getClient();
    }

    function ids(Sentry\ClientInterface $client, int $count): array
    {
        return array_map(fn (int $n): ?string => ($id = $client->captureMessage("message {$n}")) === null ? null : (string) $id, range(1, $count));
    }

    PHP;

/** A PHP program with the bridge; its DSN is in the environment. */
function bridge(Sandbox $sandbox, FakeSentry $sentry, string $code, array $ini = []): Process
{
    putenv("DSN={$sentry->dsn}");

    return $sandbox->php(LOAD . $code, ini: $ini);
}

/** The same program on a PHP without the extension. */
function bare(Sandbox $sandbox, FakeSentry $sentry, string $code): Process
{
    putenv("DSN={$sentry->dsn}");
    file_put_contents("{$sandbox->directory}/bare.php", "<?php\n" . LOAD . $code);

    return $sandbox->start('php without it', [(string) getenv('TESTED_PHP'), '-d', 'auto_prepend_file=' . \dirname(__DIR__) . '/program.php', "{$sandbox->directory}/bare.php"]);
}

/** The user agents of the received events, each once. */
function senders(FakeSentry $sentry): array
{
    return array_values(array_unique(array_map(fn (array $seen): string => strtok($seen['user_agent'], '/'), $sentry->seen())));
}

foreach (['the client' => 'http_client', 'the transport' => 'transport'] as $name => $option) {
    $class = $option === 'transport' ? 'Transport' : 'HttpClient';

    test("{$name} takes events, keeps their ids, and the extension sends them", function (Sandbox $sandbox) use ($option, $class): void {
        $sentry = $sandbox->sentry();
        $sandbox->unset('sentry_dsn');
        $ids = bridge($sandbox, $sentry, "report('ids', ids(client(['{$option}' => new {$class}()]), 20));")->receive('ids');
        same(20, count(array_unique($ids)));
        $sentry->await($ids);
        same(['pillion'], senders($sentry));
    });

    test("{$name} defers to the SDK without the extension, and with it disabled", function (Sandbox $sandbox) use ($option, $class): void {
        $sentry = $sandbox->sentry();
        $code = "report('ids', ids(\$client = client(['{$option}' => new {$class}()]), 3)); report('end', (string) \$client->flush(2)->getStatus());";
        $bare = bare($sandbox, $sentry, $code);
        $ids = $bare->receive('ids');
        same('SUCCESS', $bare->receive('end'));
        same(0, $bare->wait());
        same('', $bare->errors());
        $off = bridge($sandbox, $sentry, $code, ['pillion.sentry_enabled' => 'off']);
        $sentry->await([...$ids, ...$off->receive('ids')], 0.0);
        same(['sentry.php'], senders($sentry));
    });

    test("{$name} leaves a proxy set only in the SDK to the SDK, and logs that once", function (Sandbox $sandbox) use ($option, $class): void {
        $sentry = $sandbox->sentry();
        $process = bridge($sandbox, $sentry, <<<PHP
            \$client = client(['{$option}' => new {$class}(), 'http_proxy' => 'http://127.0.0.1:1', 'logger' => \$lines = new Lines()]);
            ids(\$client, 2);
            report('lines', array_values(preg_grep('~pillion~', \$lines->lines)));
            PHP);
        $lines = $process->receive('lines');
        same(1, count($lines));
        is_true(str_contains($lines[0], 'http_proxy is set, and pillion.sentry_transport_proxy is not'), $lines[0]);
        same(false, in_array('pillion', senders($sentry), true));
    });

    test("{$name} is written into Laravel's cached configuration and restored", function (Sandbox $sandbox) use ($option, $class): void {
        $sentry = $sandbox->sentry();
        $ids = bridge($sandbox, $sentry, <<<PHP
            \$made = new {$class}(sdkIdentifier: 'sentry.php.laravel');
            client(['{$option}' => \$made])->captureMessage('it was used before');
            file_put_contents('cached.php', '<?php return ' . var_export(['sentry' => ['{$option}' => \$made]], true) . ';');
            \$cached = require 'cached.php';
            report('ids', ids(client(\$cached['sentry']), 1));
            PHP)->receive('ids');
        $sentry->await($ids);
    });
}

test('events of a limited category are dropped by the SDK before serialisation', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sentry->behave(['status' => 429, 'headers' => [['X-Sentry-Rate-Limits', '60:transaction:key, 2700.5:default;error:organization']]]);
    $process = bridge($sandbox, $sentry, <<<'PHP'
        $client = client(['http_client' => new HttpClient()]);
        $first = ids($client, 1);
        Pillion\Sentry\flush(30);
        report('ids', [...$first, ...ids($client, 3)]);
        PHP);
    [$first, $second, $third, $fourth] = $process->receive('ids');
    // The answer to the second one had the limits; it was taken, dropped and reported here.
    is_true($first !== null && $second !== null, 'the first two have ids');
    same([null, null], [$third, $fourth]);
});

test('events of a limited category are dropped by the transport and reported', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sentry->behave(['status' => 429, 'headers' => [['X-Sentry-Rate-Limits', '60:error:key']]]);
    $process = bridge($sandbox, $sentry, <<<'PHP'
        $client = client(['transport' => new Transport(), 'logger' => $lines = new Lines()]);
        ids($client, 1);
        Pillion\Sentry\flush(30);
        ids($client, 4);
        $transport = new Transport(new Sentry\Options(['dsn' => getenv('DSN')]));
        report('status', (string) $transport->send(Sentry\Event::createEvent())->getStatus());
        // The report needs an envelope to travel in.
        Pillion\Sentry\send("{}\n{\"type\":\"session\"}\n{}", getenv('DSN'));
        Pillion\Sentry\flush(30);
        PHP);
    same('RATE_LIMIT', $process->receive('status'));
    $process->wait();
    $lost = 0;
    foreach ($sentry->seen() as $seen) {
        foreach ($seen['items'] as [$header, $payload]) {
            foreach ($header['type'] === 'client_report' ? $payload['discarded_events'] : [] as $discarded) {
                same(['ratelimit_backoff', 'error'], [$discarded['reason'], $discarded['category']]);
                $lost += $discarded['quantity'];
            }
        }
    }
    same(5, $lost);
});

test('close() does not wait; close(2) waits for sent events, for two seconds at most', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->set('sentry_transport_timeout', '60s');
    $process = bridge($sandbox, $sentry, <<<'PHP'
        $client = client(['transport' => new Transport()]);
        $closing = static function (?int $seconds) use ($client): array {
            $began = microtime(true);

            return [(string) $client->flush($seconds)->getStatus(), microtime(true) - $began];
        };
        ids($client, 3);
        report('done', $closing(30));
        ready();
        ids($client, 3);
        report('none', $closing(null));
        report('some', $closing(2));
        ready();
        PHP);
    same('SUCCESS', $process->receive('done', 60)[0]);
    same(3, count($sentry->events()));
    $process->receive('ready');
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 0]);
    $process->writeLine();
    [$status, $took] = $process->receive('none');
    same('SUCCESS', $status);
    is_true($took < 1.0, "close() took {$took} s");
    [$status, $took] = $process->receive('some');
    same('UNKNOWN', $status);
    is_true($took > 1.9 && $took < 10.0, "close(2) took {$took} s");
    $process->kill();
});

test('the transport takes any content of an event', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $ids = bridge($sandbox, $sentry, <<<'PHP'
        $client = client(['transport' => new Transport(), 'logger' => $lines = new Lines()]);
        for ($deep = [], $i = 0; $i < 600; $i++) {
            $deep = ['d' => $deep];
        }
        $ids = [];
        foreach ([['x' => INF], ['x' => "\xff"], ['x' => $deep], ['x' => str_repeat('a', 1 << 20)], ['x' => new class implements JsonSerializable { public function jsonSerialize(): mixed { throw new RuntimeException('no'); } }]] as $extra) {
            $event = Sentry\Event::createEvent();
            $event->setExtra($extra)->setContext('own', $extra);
            $ids[] = (string) $client->captureEvent($event);
        }
        report('ids', $ids);
        report('lines', preg_grep('~error~', $lines->lines));
        PHP);
    $sent = $ids->receive('ids');
    same([], $ids->receive('lines'));
    $sentry->await($sent);
    $extras = [];
    foreach ($sentry->seen() as $seen) {
        $extras[array_search($seen['header']['event_id'], $sent, true)] = json_encode($seen['items'][0][1]['extra']['x']);
    }
    same('null', $extras[0]);
    same('"\ufffd"', $extras[1]);
    is_true(str_contains($extras[2], 'array of 1') && strlen($extras[3]) < 70_000, 'cut');
    is_true(str_contains($extras[4], 'JsonSerializable@anonymous'), $extras[4]);
});

test("the transport writes to the builder's logger", function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $process = bridge($sandbox, $sentry, <<<'PHP'
        $builder = Sentry\ClientBuilder::create(['dsn' => getenv('DSN'), 'transport' => new Transport()]);
        $client = $builder->setLogger($lines = new Lines())->getClient();
        $client->captureMessage(str_repeat('x', 3 << 20));
        report('lines', preg_grep('~max_payload_size~', $lines->lines) !== []);
        PHP, ['pillion.sentry_max_payload_size' => '1']);
    same(true, $process->receive('lines'));
});

test('Spotlight gets each event too, even without a DSN', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $spotlight = $sandbox->sentry();
    $process = bridge($sandbox, $sentry, <<<PHP
        \$url = 'http://' . parse_url('{$spotlight->dsn}', PHP_URL_HOST) . ':' . parse_url('{$spotlight->dsn}', PHP_URL_PORT);
        ids(client(['transport' => new Transport(), 'spotlight' => \$url]), 2);
        ids(client(['transport' => new Transport(), 'spotlight' => \$url, 'dsn' => null]), 1);
        report('end');
        PHP);
    $process->receive('end');
    same(['/stream', '/stream', '/stream'], array_column($spotlight->seen(), 'path'));
    eventually('two events', fn (): bool => count($sentry->events()) === 2);
});

test('two clients of two projects, of which one is current, each send to their own', function (Sandbox $sandbox): void {
    [$one, $two] = [$sandbox->sentry(), $sandbox->sentry()];
    $process = bridge($sandbox, $one, <<<PHP
        \$shared = new Transport();
        \$one = client(['transport' => \$shared]);
        \$two = client(['transport' => \$shared, 'dsn' => '{$two->dsn}']);
        Sentry\\SentrySdk::getCurrentHub()->bindClient(\$two);
        report('ids', [ids(\$one, 3), ids(\$two, 3), ids(\$one, 3)]);
        PHP);
    [$a, $b, $c] = $process->receive('ids');
    $one->await([...$a, ...$c]);
    $two->await($b);
    same([6, 3], [count($one->events()), count($two->events())]);
});

test('an event that is too large, or does not fit into the queue, has no id', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $process = bridge($sandbox, $sentry, <<<'PHP'
        $client = client(['http_client' => new HttpClient(), 'logger' => $lines = new Lines()]);
        report('id', $client->captureMessage(str_repeat('x', 3 << 20)));
        report('lines', preg_grep('~max_payload_size~', $lines->lines) !== []);
        PHP, ['pillion.sentry_max_payload_size' => '1']);
    same(null, $process->receive('id'));
    same(true, $process->receive('lines'));
});
