<?php

// Headless Chromium, driven through the HTTP protocol of WebDriver. Its profile lies in the sandbox; it ends with it.

declare(strict_types=1);

namespace Pillion\Tests;

final class Browser
{
    private const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
    private const KEYS = ['Tab' => "\u{E004}", 'Enter' => "\u{E007}", 'Escape' => "\u{E00C}", 'Shift' => "\u{E008}", 'Space' => ' '];

    private readonly string $session;

    /** @param array<string, string> $environment */
    public function __construct(Sandbox $sandbox, int $width = 1280, int $height = 900, bool $isDark = false)
    {
        $port = free_port();
        $driver = $sandbox->start('chromedriver', ['chromedriver', "--port={$port}", '--allowed-ips=127.0.0.1'], ['HOME' => $sandbox->directory, 'TMPDIR' => $sandbox->directory, 'no_proxy' => '127.0.0.1']);
        $server = "http://127.0.0.1:{$port}";
        eventually('chromedriver answers', fn (): bool => $driver->hasEnded() ? fail('chromedriver has ended: ' . $driver->output()) : Http::get("{$server}/status", 5)['status'] === 200, 30);
        $arguments = [
            '--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run', '--no-proxy-server',
            '--disable-background-networking', '--disable-component-update', '--disable-extensions', '--hide-scrollbars', '--mute-audio',
            '--force-device-scale-factor=1', '--lang=en-US', "--window-size={$width},{$height}", "--user-data-dir={$sandbox->directory}/chromium-" . bin2hex(random_bytes(4)),
            ...($isDark ? ['--blink-settings=preferredColorScheme=0'] : []),
        ];
        $wanted = ['alwaysMatch' => ['browserName' => 'chrome', 'goog:loggingPrefs' => ['browser' => 'ALL'], 'goog:chromeOptions' => ['args' => $arguments]]];
        $this->session = "{$server}/session/" . self::send("{$server}/session", ['capabilities' => $wanted])['sessionId'];
        $this->emulate('Emulation.setEmulatedMedia', ['features' => [['name' => 'prefers-color-scheme', 'value' => $isDark ? 'dark' : 'light']]]);
    }

    public function open(string $url): void
    {
        $this->call('/url', ['url' => $url]);
    }

    /** Runs the body of a function in the page. */
    public function run(string $script, mixed ...$arguments): mixed
    {
        return $this->call('/execute/sync', ['script' => $script, 'args' => $arguments]);
    }

    /** The visible text of the first element that a CSS selector finds; null without one. */
    public function text(string $selector): ?string
    {
        return $this->run('return document.querySelector(arguments[0])?.innerText ?? null', $selector);
    }

    /** Waits until the text of an element contains a part. */
    public function awaitText(string $selector, string $part, float $seconds = 15.0): void
    {
        $deadline = microtime(true) + $seconds;
        while (!str_contains((string) ($found = $this->text($selector)), $part)) {
            microtime(true) < $deadline || fail("{$selector}: expected " . show($part) . ', found ' . show($found) . ' on ' . show($this->text('body')));
            usleep(50_000);
        }
    }

    /** Clicks the element with the mouse; fails if something covers it. */
    public function click(string $selector): void
    {
        $this->call("/element/{$this->find($selector)}/click", []);
    }

    public function type(string $selector, string $text): void
    {
        $this->call("/element/{$this->find($selector)}/value", ['text' => $text]);
    }

    /** Presses keys on the element with the focus: names such as Tab, or text. */
    public function press(string ...$keys): void
    {
        $actions = [];
        foreach ($keys as $key) {
            foreach (isset(self::KEYS[$key]) ? [self::KEYS[$key]] : mb_str_split($key) as $value) {
                array_push($actions, ['type' => 'keyDown', 'value' => $value], ['type' => 'keyUp', 'value' => $value]);
            }
        }
        $this->call('/actions', ['actions' => [['type' => 'key', 'id' => 'keyboard', 'actions' => $actions]]]);
    }

    /** Sets the size of the page itself, also below the smallest window. */
    public function resize(int $width, int $height): void
    {
        $this->emulate('Emulation.setDeviceMetricsOverride', ['width' => $width, 'height' => $height, 'deviceScaleFactor' => 1, 'mobile' => false]);
    }

    /** A PNG of the visible page. */
    public function screenshot(): string
    {
        return base64_decode($this->call('/screenshot'));
    }

    /** @return list<string> warnings and errors of the console since the last call, violations of the content policy too */
    public function problems(): array
    {
        $entries = array_filter($this->call('/se/log', ['type' => 'browser']), static fn (array $entry): bool => in_array($entry['level'], ['WARNING', 'SEVERE'], true));

        return array_values(array_column($entries, 'message'));
    }

    private function find(string $selector): string
    {
        return $this->call('/element', ['using' => 'css selector', 'value' => $selector])[self::ELEMENT];
    }

    /** A command of Chromium's own protocol. */
    private function emulate(string $command, array $parameters): void
    {
        $this->call('/goog/cdp/execute', ['cmd' => $command, 'params' => $parameters]);
    }

    private function call(string $path, ?array $body = null): mixed
    {
        return self::send($this->session . $path, $body);
    }

    private static function send(string $url, ?array $body): mixed
    {
        $text = $body === null ? null : json_encode($body === [] ? (object) [] : $body, JSON_THROW_ON_ERROR);
        $answer = $text === null ? Http::get($url, 60) : Http::post($url, $text);
        $value = json_decode($answer['body'], true)['value'] ?? null;
        $answer['status'] === 200 || fail("WebDriver: {$url} " . substr((string) $text, 0, 300) . ': ' . show([$answer['status'], $answer['error'], $value['error'] ?? null, $value['message'] ?? null]));

        return $value;
    }
}
