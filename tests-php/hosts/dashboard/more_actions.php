<?php

// Further actions of the dashboard in Chromium: of the cache, of dead letters, of artifacts; and a server without a
// token, which allows none.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('values are deleted by key, by tag and altogether; keys need not be UTF-8', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    // As a pattern, the first key would match the second one as well.
    foreach (["bin:\xff*", "bin:\xffother", 'bin:text'] as $key) {
        same(200, Http::get("{$host->application}/set?key=" . rawurlencode($key))['status']);
    }
    $browser = new Browser($sandbox);
    $host->signIn($browser);
    $browser->click('nav a[href="#/cache"]');
    $browser->awaitText('main', 'Keys and tags');
    $browser->type('main input[placeholder="user:*"]', 'bin:*');
    $browser->press('Enter');
    $browser->awaitText('table[aria-label="Found keys"]', 'bin:text');
    $name = 'base64:' . base64_encode("bin:\xff*");
    $browser->click("table[aria-label=\"Found keys\"] button[aria-label=\"Delete {$name}\"]");
    $browser->awaitText('dialog', "the key {$name}");
    $browser->click('dialog .main');
    $browser->awaitText('#notice', '1 value deleted.');
    $keys = array_map(static fn (array $row): string => $row['key'] ?? base64_decode($row['key_base64']), $host->read('cache/keys?pattern=bin:*')['keys']);
    sort($keys);
    same(['bin:text', "bin:\xffother"], $keys, 'other keys stay');

    $browser->type('main input[placeholder="users, orders"]', 'users, none');
    $browser->click(button($browser, 'Invalidate tags…'));
    $browser->awaitText('dialog', 'users, none');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', '2 tags invalidated.');
    same([], $host->read('cache/keys?pattern=user:*')['keys'], 'values with the tag');
    is_true($host->read('cache/keys?pattern=page:*')['keys'] !== [], 'values with another tag stay');

    $browser->click(button($browser, 'Clear all…'));
    $browser->awaitText('dialog', 'every value of this namespace');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', 'The cache is empty.');
    same([], $host->read('cache/keys')['keys']);
    $browser->awaitText('main', '0 keys of bin:*');
    eventually('no value is listed', fn (): bool => $browser->run('return document.querySelectorAll("main button.danger[aria-label]").length') === 0);
    same([], array_values(array_filter($browser->problems(), static fn (string $line): bool => !str_contains($line, '401'))), 'console');
});

test('dead letters are read, discarded one by one, and replayed all at once', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    $host->makeDeadLetters('to discard', 'to replay', 'to replay too');
    $browser = new Browser($sandbox);
    $host->signIn($browser);
    $browser->click('nav a[href="#/sentry"]');
    $browser->awaitText('table[aria-label="Dead letters"]', 'to discard');
    $browser->awaitText('nav a[href="#/sentry"]', '3');
    $browser->click(button($browser, 'Read', 'to discard'));
    $browser->awaitText('dialog h2', 'to discard');
    $browser->awaitText('dialog', '"level": "error"');
    $browser->awaitText('dialog', '"event_id"');
    is_true(!str_contains((string) $browser->text('dialog'), '0123456789abcdef'), 'the key of the project is not shown');
    $browser->press('Enter');
    eventually('the dialog is closed', fn (): bool => $browser->text('dialog') === null);

    $browser->click(button($browser, 'Discard', 'to discard'));
    $browser->awaitText('dialog', 'Sentry never gets it.');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', '1 dead letter discarded.');
    eventually('its row is gone', fn (): bool => !str_contains((string) $browser->text('table[aria-label="Dead letters"]'), 'to discard'));
    same(2, count($host->read('sentry/dead-letters')['dead_letters']));

    $host->recover();
    $browser->click(button($browser, 'Replay all…'));
    $browser->awaitText('dialog', '2 dead letters');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', '2 dead letters replayed.');
    eventually('Sentry has both events', fn (): bool => count($host->sentry->events()) === 2);
    $browser->awaitText('main', 'No dead letter.');
    same([], array_values(array_filter($browser->problems(), static fn (string $line): bool => !str_contains($line, '401'))), 'console');
});

test('artifacts are cleaned, and the report is shown', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 2, 2);
    $browser = new Browser($sandbox);
    $host->signIn($browser);
    $browser->click('nav a[href="#/artifacts"]');
    $browser->awaitText('main h2', '2 of 2');
    $browser->click(button($browser, 'Clean'));
    $browser->awaitText('dialog', 'Removes expired artifacts');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', 'entries_remaining 2');
    same(2, count($host->read('artifacts')['artifacts']));
});

test('a server without a token shows all views, and allows no action', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2, hasToken: false);
    $browser = new Browser($sandbox);
    $browser->open($host->url);
    $browser->awaitText('#connection', 'live');
    is_true($browser->run('return document.getElementById("sign-out").hidden'), 'there is no session to end');
    $key = json_decode(Http::get("{$host->url}/api/artifacts")['body'], true)['artifacts'][0]['key'];
    foreach (['artifacts' => $key, 'cache' => 'user:{id}', 'sentry' => 'No dead letter.'] as $view => $text) {
        $browser->click("nav a[href=\"#/{$view}\"]");
        $browser->awaitText('main', $text);
        $browser->awaitText('main .note', 'Actions are off: set serve.token_file');
    }
    $browser->click('nav a[href="#/artifacts"]');
    $browser->awaitText('main', $key);
    same([true, true, true], $browser->run('return ["Clean", "Verify", "Delete"].map((label) => [...document.querySelectorAll("main button")].find((button) => button.textContent === label).disabled)'));
    // The server refuses what the page does not offer.
    $sent = $browser->run('return fetch("dashboard/api/artifacts/delete", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({key: arguments[0]})}).then(async (answer) => [answer.status, (await answer.json()).error])', $key);
    same([403, 'actions_disabled'], $sent);
    same(1, count(json_decode(Http::get("{$host->url}/api/artifacts")['body'], true)['artifacts']));
});

test('the theme is that of the system, light or dark, and stays', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    $browser = new Browser($sandbox);
    $browser->open($host->url);
    $browser->awaitText('#theme', 'System theme');
    $background = 'return getComputedStyle(document.body).backgroundColor';
    $light = $browser->run($background);
    $browser->click('#theme');
    $browser->awaitText('#theme', 'Light theme');
    same($light, $browser->run($background), 'light, as the system is');
    $browser->click('#theme');
    $browser->awaitText('#theme', 'Dark theme');
    $dark = $browser->run($background);
    is_true($light !== $dark, "the dark theme is {$dark}");
    $browser->open($host->url);
    $browser->awaitText('#theme', 'Dark theme');
    same($dark, $browser->run($background), 'after another visit');
    $browser->click('#theme');
    $browser->awaitText('#theme', 'System theme');
    same($light, $browser->run($background));
});
