<?php

declare(strict_types=1);

/**
 * One line about a running build. On a terminal it is redrawn in place; in a file or a pipe, a line is added when the
 * state changes, and every ten seconds.
 */
final class ProgressLine
{
    private const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

    private readonly bool $isTerminal;
    private readonly int $width;
    private readonly float $started;
    private int $frame = 0;
    private string $state = '';
    private float $told = 0.0;

    public function __construct()
    {
        $this->isTerminal = stream_isatty(STDOUT);
        $this->width = max(40, (int) (getenv('COLUMNS') ?: 80));
        $this->started = microtime(true);
    }

    /**
     * @param array<string, mixed>|null $status the result of Velox\status() for the build
     * @param string $meanwhile the other work done so far
     */
    public function show(?array $status, string $meanwhile = ''): void
    {
        $state = $status['state'] ?? 'queued';
        $lines = $status['lines'] ?? [];
        $seconds = microtime(true) - $this->started;
        $text = sprintf('%-11s %4d s', $state, $seconds) . ($meanwhile === '' ? '' : "   $meanwhile");
        $log = $lines === [] ? '' : '   ' . end($lines);

        if ($this->isTerminal) {
            $log = mb_strimwidth($log, 0, max(0, $this->width - mb_strwidth($text) - 5), '…');
            printf("\r\e[2K  %s %s\e[2m%s\e[0m", self::FRAMES[$this->frame++ % 10], $text, $log);
        } elseif ($state !== $this->state || $seconds - $this->told >= 10) {
            [$this->state, $this->told] = [$state, $seconds];
            echo '  ', mb_strimwidth($text . $log, 0, 118, '…'), "\n";
        }
    }

    public function end(): void
    {
        echo $this->isTerminal ? "\r\e[2K" : '';
    }
}
