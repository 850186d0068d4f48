<?php

// A busy host for the tests of the dashboard: PHP workers, builds, artifacts, cached values, envelopes, dead letters.

declare(strict_types=1);

namespace Pillion\Tests;

require_once __DIR__ . '/../lib.php';

const TOKEN = 'token-of-the-test';
/** Markup that runs a script where a page takes it for HTML. */
const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

final class BusyHost
{
    public readonly FakeVelox $velox;
    public readonly FakeSentry $sentry;
    public readonly string $application;
    public readonly string $url;
    private readonly string $address;
    private Process $server;

    /** @param bool $hasToken false: a server for readers only */
    public function __construct(private readonly Sandbox $sandbox, int $artifacts = 3, int $workers = 4, private readonly bool $hasToken = true)
    {
        $this->velox = $sandbox->velox();
        $this->sentry = $sandbox->sentry();
        $sandbox->set('cache_namespace', 'shop');
        $sandbox->set('cache_patterns', 'user:{id} ttl=1h, page:* ttl=15m');
        $sandbox->set('sentry_retry_max_attempts', '3');
        file_put_contents("{$sandbox->directory}/token", TOKEN . "\n");
        $this->address = '127.0.0.1:' . free_port();
        $this->url = "http://{$this->address}/dashboard";
        $this->startServer();
        $address = '127.0.0.1:' . free_port();
        $this->application = "http://{$address}";
        $php = $sandbox->start('php -S', [...$sandbox->phpCommand(['display_errors' => '0']), '-S', $address, __DIR__ . '/application.php'], ['PHP_CLI_SERVER_WORKERS' => (string) $workers]);
        eventually('the application answers', fn (): bool => $php->hasEnded() ? fail('php -S has ended: ' . $php->errors()) : Http::get("{$this->application}/build?name=a1", 5)['status'] === 200, 30);
        Http::many(array_map(fn (int $number): string => "{$this->application}/build?name=a{$number}", range(1, $artifacts)), 2);
        Http::many(array_fill(0, 20, "{$this->application}/values"), 4);
    }

    /** Starts `pillion serve`, at the same address each time. */
    public function startServer(): void
    {
        $settings = [];
        $token = $this->hasToken ? ['pillion.serve_token_file' => "{$this->sandbox->directory}/token"] : [];
        foreach ($this->sandbox->settings() + $token as $name => $value) {
            array_push($settings, '-d', "{$name}={$value}");
        }
        $this->server = $this->sandbox->start('pillion serve', [getenv('PILLION_BIN'), 'serve', '--listen', $this->address, ...$settings]);
        str_starts_with((string) $this->server->line(), 'listening on ') || fail('pillion serve has not started: ' . $this->server->errors());
    }

    public function killServer(): void
    {
        $this->server->kill();
    }

    /** Builds that last until `release()`, with their log lines. */
    public function beginBuild(string $name, array $lines): void
    {
        $this->velox->script(['progress' => 'on', 'progress_lines' => $lines, 'behaviours' => [['times' => 1, 'until_released' => $name]]]);
        same(200, Http::get("{$this->application}/begin?name={$name}")['status']);
        eventually('the build is in flight', fn (): bool => $this->velox->counter('in_flight') >= 1);
    }

    /** Events that become dead letters: each attempt fails, until `recover()`. */
    public function makeDeadLetters(string ...$messages): void
    {
        $this->sentry->behave(['delivery' => ['drop_at' => 0], 'times' => 100_000]);
        foreach ($messages as $message) {
            same(200, Http::get("{$this->application}/event?message=" . rawurlencode($message))['status']);
        }
    }

    /** Sentry takes envelopes from here on. */
    public function recover(): void
    {
        $this->sentry->reset();
    }

    /** Signs in through the form. */
    public function signIn(Browser $browser): void
    {
        $browser->open($this->url);
        $browser->awaitText('h1', 'Sign in');
        $browser->type('#token', TOKEN);
        $browser->click('form button');
        $browser->awaitText('#connection', 'live');
    }

    public function read(string $path): array
    {
        $context = stream_context_create(['http' => ['header' => 'Authorization: Bearer ' . TOKEN, 'timeout' => 10]]);

        return json_decode((string) file_get_contents("{$this->url}/api/{$path}", context: $context), true, flags: JSON_THROW_ON_ERROR);
    }
}

/** A selector of the button with this label in the view, or in the row of a table that contains a text. */
function button(Browser $browser, string $label, ?string $row = null): string
{
    $mark = bin2hex(random_bytes(4));
    $isFound = $browser->run(<<<'JS'
        const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.textContent.includes(arguments[1]));
        const places = arguments[1] === null ? [document.getElementById("main")] : rows;
        const found = places.flatMap((place) => [...place.querySelectorAll("button")]).find((button) => button.textContent === arguments[0]);
        found?.setAttribute("data-tested", arguments[2]);
        return found !== undefined;
        JS, $label, $row, $mark);
    is_true($isFound, "no button {$label}" . ($row === null ? '' : " in the row of {$row}"));

    return "[data-tested=\"{$mark}\"]";
}

/** The text of a cell: the row that contains a text, and the column's title. */
function cell(Browser $browser, string $table, string $row, string $column): ?string
{
    return $browser->run(<<<'JS'
        const table = document.querySelector(`table[aria-label="${arguments[0]}"]`);
        const at = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent === arguments[2]);
        const row = [...table.tBodies[0].rows].find((row) => row.textContent.includes(arguments[1]));
        return row?.cells[at]?.textContent ?? null;
        JS, $table, $row, $column);
}
