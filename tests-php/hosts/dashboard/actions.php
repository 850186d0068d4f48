<?php

// Actions of the dashboard in Chromium: behind a confirmation, with mouse and with keyboard only.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('artifacts, values and dead letters are changed behind a confirmation', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox);
    $host->makeDeadLetters('of the action');
    $browser = new Browser($sandbox);
    $host->signIn($browser);

    $browser->click('nav a[href="#/artifacts"]');
    $key = $host->read('artifacts')['artifacts'][0]['key'];
    $browser->awaitText('table[aria-label="Artifacts"]', $key);
    $browser->click("button[aria-label=\"Verify {$key}\"]");
    $browser->awaitText('dialog', $key);
    $browser->click('dialog .main');
    $browser->awaitText('#notice', "{$key} is valid.");
    $browser->click("button[aria-label=\"Delete {$key}\"]");
    $browser->awaitText('dialog', "Deletes {$key}");
    $browser->press('Escape');
    eventually('the dialog is closed', fn (): bool => $browser->text('dialog') === null);
    same(3, count($host->read('artifacts')['artifacts']), 'nothing is deleted without the confirmation');
    $browser->click("button[aria-label=\"Delete {$key}\"]");
    $browser->click('dialog .main');
    $browser->awaitText('#notice', "{$key} is deleted.");
    is_true(!in_array($key, array_column($host->read('artifacts')['artifacts'], 'key'), true), 'the artifact is deleted');

    $browser->click('nav a[href="#/cache"]');
    $browser->type('main input[placeholder="user:*"]', 'page:*');
    $browser->click('form .danger');
    $browser->awaitText('dialog', 'page:*');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', ' values deleted.');
    same([], $host->read('cache/keys?pattern=page:*')['keys']);
    same(['user:7'], array_column($host->read('cache/keys?pattern=user:*')['keys'], 'key'));

    $browser->click('nav a[href="#/sentry"]');
    $browser->awaitText('table[aria-label="Dead letters"]', 'of the action');
    $host->recover();
    $browser->click('table[aria-label="Dead letters"] td.act button:nth-of-type(2)');
    $browser->awaitText('dialog', 'of the action');
    $browser->click('dialog .main');
    $browser->awaitText('#notice', '1 dead letter replayed.');
    eventually('Sentry has the event', fn (): bool => count($host->sentry->events()) === 1);
    $browser->awaitText('main', 'No dead letter.');
    same([], array_values(array_filter($browser->problems(), static fn (string $line): bool => !str_contains($line, '401'))), 'console');
});

test('keys alone reach the content, an action and its confirmation', function (Sandbox $sandbox): void {
    $host = new BusyHost($sandbox, 1, 2);
    $browser = new Browser($sandbox);
    $browser->open($host->url);
    $browser->awaitText('h1', 'Sign in');
    $focus = 'return document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent ?? ""';
    same('token', $browser->run('return document.activeElement.id'), 'focus of the form');
    $browser->press(TOKEN, 'Enter');
    $browser->awaitText('#connection', 'live');
    $browser->run('document.activeElement.blur()');
    $tabTo = static function (string $part) use ($browser, $focus): void {
        for ($presses = 0; $presses < 60; $presses++) {
            $browser->press('Tab');
            if (str_contains((string) $browser->run($focus), $part)) {
                is_true($browser->run('return getComputedStyle(document.activeElement).outlineStyle !== "none"'), "{$part}: the focus is visible");

                return;
            }
        }
        fail("no press of Tab reaches {$part}");
    };
    $tabTo('Artifacts');
    $browser->press('Enter');
    $browser->awaitText('h1', 'Artifacts');
    same('main', $browser->run('return document.activeElement.id'), 'focus after a change of the view');
    $key = $host->read('artifacts')['artifacts'][0]['key'];
    $browser->awaitText('main', $key);
    $tabTo("Delete {$key}");
    $browser->press('Enter');
    $browser->awaitText('dialog', "Deletes {$key}");
    same('Cancel', $browser->run($focus), 'focus of the dialog');
    $browser->press('Tab');
    same('Delete', $browser->run($focus));
    $browser->press('Enter');
    $browser->awaitText('#notice', "{$key} is deleted.");
    $browser->run('location.hash = "#/overview"');
    $browser->awaitText('h1', 'Overview');
});
