<?php

// Views of the dashboard in Chromium: the real values of a busy host, live; the connection; small screens; keys.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

const VIEWS = ['overview', 'workers', 'builds', 'artifacts', 'cache', 'sentry', 'metrics'];

test('each view shows the values of the host, live and as text', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox);
    $host->makeDeadLetters('first ' . HOSTILE, 'second');
    $host->beginBuild('slow', ['resolving modules', HOSTILE]);
    same(200, Http::get("{$host->application}/set?key=" . rawurlencode('hostile:' . HOSTILE))['status']);
    // One for each process: those that have started a job before are listed.
    foreach (range(1, 5) as $number) {
        $sandbox->start("client {$number}", ['curl', '-s', '--globoff', '--path-as-is', "{$host->application}/slow/<b>x</b>?ms=20000"]);
    }
    $browser = new Browser($sandbox);
    $host->signIn($browser);

    $overview = $host->read('overview');
    $browser->awaitText('main', "busy of {$overview['workers']['total']}");
    $browser->awaitText('#host', $overview['hostname']);
    $browser->awaitText('nav a[href="#/artifacts"]', '3');
    $browser->awaitText('nav a[href="#/sentry"]', '2');

    $browser->click('nav a[href="#/workers"]');
    $browser->awaitText('table[aria-label="Workers"]', '/slow/<b>x</b>');
    is_true(str_starts_with((string) cell($browser, 'Workers', '/slow', 'State'), 'busy '), 'the worker is busy');
    eventually('a row for each worker', fn (): bool => count($host->read('workers')['workers']) === $browser->run('return document.querySelectorAll(\'table[aria-label="Workers"] tbody tr\').length'));

    $browser->click('nav a[href="#/builds"]');
    $browser->awaitText('pre.log', "resolving modules\n" . HOSTILE);
    $key = $host->read('builds')['active'][0]['key'];
    $browser->awaitText('article h2', $key);
    $host->velox->release('slow');
    $browser->awaitText('main', 'No build is active.');
    $browser->awaitText('table[aria-label="Ended builds"]', $key);

    $browser->click('nav a[href="#/artifacts"]');
    $artifact = $host->read('artifacts')['artifacts'][0];
    $browser->awaitText('table[aria-label="Artifacts"]', $artifact['key']);
    same($artifact['rr_version'], cell($browser, 'Artifacts', $artifact['key'], 'RoadRunner'));
    $browser->type('main input[type="search"]', $artifact['key']);
    $browser->awaitText('main h2', '1 found');

    $browser->click('nav a[href="#/cache"]');
    $browser->awaitText('table[aria-label="Patterns"]', 'user:{id}');
    $hits = array_column($host->read('cache')['patterns'], 'hits', 'pattern')['user:{id}'];
    eventually('hits of the pattern', fn (): bool => cell($browser, 'Patterns', 'user:{id}', 'Hits') === (string) $hits);
    $browser->awaitText('main', 'shop');
    $browser->type('main input[placeholder="user:*"]', 'hostile:*');
    $browser->press('Enter');
    $browser->awaitText('table[aria-label="Found keys"]', 'hostile:' . HOSTILE);

    $browser->click('nav a[href="#/sentry"]');
    $browser->awaitText('table[aria-label="Dead letters"]', 'first ' . HOSTILE);

    $browser->click('nav a[href="#/metrics"]');
    $browser->type('main input[type="search"]', 'orders_total de');
    $browser->awaitText('.family', 'country="de"');

    same('Metrics · Pillion', $browser->run('return document.title'), 'no script of a hostile text has run');
    same([], $browser->problems(), 'console');
});

test('a lost connection is shown with the age of the data, and comes back', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    $browser = new Browser($sandbox);
    $host->signIn($browser);
    same([], $browser->problems(), 'console');
    $host->killServer();
    $browser->awaitText('#connection', 'connection lost, data from');
    $host->startServer();
    $browser->awaitText('#connection', 'live');
    // The session is signed with the secret of the host, so it survives the server.
    $browser->awaitText('h1', 'Overview');
});

test('a wrong token is refused, and signing out ends the session', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    $browser = new Browser($sandbox);
    $browser->open($host->url);
    $browser->awaitText('h1', 'Sign in');
    $browser->type('#token', 'wrong');
    $browser->press('Enter');
    $browser->awaitText('form [role="alert"]', 'The token is wrong.');
    $host->signIn($browser);
    $browser->click('#sign-out');
    $browser->awaitText('h1', 'Sign in');
    $browser->open("{$host->url}#/workers");
    $browser->awaitText('h1', 'Sign in');
});

test('no view is wider than a screen of 360 pixels', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox);
    $host->makeDeadLetters(str_repeat('long', 60));
    $host->beginBuild('long', [str_repeat('line', 100)]);
    $browser = new Browser($sandbox);
    $host->signIn($browser);
    $browser->resize(360, 740);
    foreach (VIEWS as $view) {
        $browser->run('location.hash = "#/" + arguments[0]', $view);
        $browser->awaitText('h1', ucfirst($view));
        usleep(1_300_000);
        same(360, $browser->run('return document.documentElement.scrollWidth'), "width of {$view}");
    }
    same([], array_values(array_filter($browser->problems(), static fn (string $line): bool => !str_contains($line, '401'))), 'console');
    $host->velox->release('long');
});

test('500 workers are listed, sorted and filtered', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    $many = $sandbox->php(<<<'PHP'
        for ($number = 0; $number < 500; $number++) {
            child(function (): int {
                // A worker is listed when its first request has ended.
                foreach ([1, 2] as $request) {
                    Pillion\Worker\request_begin();
                    $request === 1 && Pillion\Worker\request_end();
                }
                sleep(60);

                return 0;
            });
        }
        ready();
        PHP);
    $many->receive('ready');
    eventually('500 workers', fn (): bool => count($host->read('workers')['workers']) >= 500, 30);
    $browser = new Browser($sandbox);
    $host->signIn($browser);
    $browser->click('nav a[href="#/workers"]');
    $rows = 'return document.querySelectorAll(\'table[aria-label="Workers"] tbody tr\').length';
    eventually('500 rows', fn (): bool => $browser->run($rows) >= 500);
    $browser->run('window.row = document.querySelector(\'table[aria-label="Workers"] tbody tr\'); window.up = row.textContent');
    eventually('the row is updated in place', fn (): bool => $browser->run('return row.isConnected && row.textContent !== up'));
    $first = 'return Number(document.querySelector(\'table[aria-label="Workers"] tbody tr\').cells[0].textContent)';
    $pids = array_column($host->read('workers')['workers'], 'pid');
    same(min($pids), $browser->run($first), 'ascending');
    $browser->click('table[aria-label="Workers"] th:first-child button');
    same(max($pids), $browser->run($first), 'descending');
    $pid = $browser->run('return row.cells[0].textContent');
    $browser->type('main input[type="search"]', $pid);
    eventually('filtered rows', fn (): bool => $browser->run($rows) < 20);
    same([], array_values(array_filter($browser->problems(), static fn (string $line): bool => !str_contains($line, '401'))), 'console');
});
