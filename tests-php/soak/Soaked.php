<?php

// One host in the soak: the client that loads it, the number of requests, and samples of its processes' resources.

declare(strict_types=1);

namespace Pillion\Tests;

use Closure;

final class Soaked
{
    /** Seconds that one run of wrk takes: long enough for keep-alive, short enough to stop in time. */
    private const RUN = 5;
    private const AT_ONCE = 2000;

    public int $total = 0;
    public int $bad = 0;
    public int $errors = 0;
    public string $first = '';
    /** The slowest run's 99th percentile, in milliseconds. */
    public float $slowest = 0.0;
    private ?Process $asking = null;
    /** @var list<array<string, int>> */
    private array $samples = [];
    /** @var list<int> */
    private readonly array $pids;

    /**
     * @param list<int> $pids the serving processes, the same from the first to the last request
     * @param ?string $url null: the process itself reads its number of requests
     * @param Closure(): list<int> $living
     */
    public function __construct(
        public readonly string $name,
        private readonly Sandbox $sandbox,
        private readonly Closure $living,
        private readonly ?string $url,
        private readonly ?Process $process = null,
    ) {
        $this->pids = $living();
    }

    /** Continues with requests, up to so many. Returns at once. */
    public function goOn(int $most): void
    {
        if ($this->process !== null) {
            // In small steps: it would finish long before the others.
            $this->process->writeLine((string) min($most, $this->total + self::AT_ONCE));
            $this->count($this->process->receive('asked', 60));
        } elseif ($this->asking?->hasEnded() ?? true) {
            $this->gather();
            if ($this->total < $most) {
                $command = ['wrk', '-t1', '-c4', '-d' . self::RUN . 's', '--timeout', '30s', '--latency', '-s', __DIR__ . '/mix.lua', (string) $this->url];
                $this->asking = $this->sandbox->start("wrk {$this->name}", $command, ['ASKED' => (string) $this->total]);
            }
        }
    }

    /** Waits for the requests under way. */
    public function finish(): void
    {
        $this->asking?->wait(60);
        $this->gather();
        same($this->pids, ($this->living)(), "{$this->name}: processes that serve");
    }

    private function gather(): void
    {
        if ($this->asking !== null) {
            $lines = preg_grep('/^\{"total"/', explode("\n", $this->asking->output()));
            $lines === [] && fail("{$this->name}: wrk prints nothing: " . $this->asking->output() . $this->asking->errors());
            $this->count(json_decode(end($lines), true, flags: JSON_THROW_ON_ERROR), true);
            $this->asking->close();
            $this->asking = null;
        }
    }

    /** @param array{total: int, bad: int, first: string, errors: int, p99_us?: int} $counts */
    private function count(array $counts, bool $adds = false): void
    {
        $this->total = $counts['total'] + ($adds ? $this->total : 0);
        $this->bad = $counts['bad'] + ($adds ? $this->bad : 0);
        $this->errors += $counts['errors'];
        $this->first = $this->first ?: $counts['first'];
        $this->slowest = max($this->slowest, ($counts['p99_us'] ?? 0) / 1000);
    }

    /** Samples the resources of its processes. */
    public function sample(): void
    {
        $sample = ['requests' => $this->total, 'KiB' => 0, 'descriptors' => 0, 'threads' => 0, 'ours' => 0];
        foreach ($this->pids as $pid) {
            $sample['KiB'] += own_memory($pid);
            $sample['descriptors'] += count(descriptors($pid));
            $sample['threads'] += count(threads($pid));
            $sample['ours'] += count(our_threads($pid));
        }
        $this->samples[] = $sample;
    }

    /**
     * The maximum of a resource, in a part of the run between two fractions of it.
     *
     * @param 'KiB'|'descriptors'|'threads'|'ours' $what
     */
    public function most(string $what, float $from, float $to): int
    {
        $count = count($this->samples);

        return max(array_column(array_slice($this->samples, (int) ($from * $count), max(1, (int) (($to - $from) * $count))), $what));
    }

    public function course(string $what): string
    {
        return course(array_column($this->samples, $what));
    }
}
