<?php

// Operations on a few shared values, each with the time of its start and of its end, for the check in lib/History.php.
// Runs with the extension: in a process, or in a request.

declare(strict_types=1);

namespace Pillion\Tests;

use Pillion\Cache;

/** The reads, stores and removals of one process. Equal reads in a row are one: the first and the last say it all. */
final class Register
{
    private string $records = '';
    /** @var array<string, array{int, int, int, int}> value, start and end of the first read, start of the last one */
    private array $runs = [];
    private int $next;

    /** @param int $number of the process: begins the values that it stores */
    public function __construct(private readonly int $number, private readonly int $keys, private readonly bool $clears)
    {
        $this->next = $number << 32;
        mt_srand($number);
    }

    /** Works for so many seconds. Returns records of five numbers: kind, key, value, start and end. */
    public function work(float $seconds, int $operations): string
    {
        for ($end = hrtime(true) + (int) ($seconds * 1e9); $operations-- > 0 && hrtime(true) < $end;) {
            $key = mt_rand(0, $this->keys - 1);
            match (true) {
                ($dice = mt_rand(0, 999)) < 80 => $this->set($key),
                $dice < 95 => $this->change('r', [$key], fn () => Cache\delete("register {$key}")),
                $dice < 105 => $this->change('r', array_filter(range(0, $this->keys - 1), fn (int $other): bool => $other % 2 === $key % 2), fn () => Cache\invalidate_tags(['tag ' . $key % 2])),
                $dice < 107 && $this->clears => $this->change('r', range(0, $this->keys - 1), fn () => Cache\clear()),
                $dice < 130 => $this->increment(),
                $dice < 150 => $this->readAll(),
                // Several times, so that level zero has it.
                default => [$this->read($key), $this->read($key), $this->read($key), $this->readCounter()],
            };
            if ($dice % 100 === 0) {
                usleep(mt_rand(0, 200));
            }
        }
        array_map($this->flush(...), array_keys($this->runs));

        return $this->records;
    }

    private function set(int $key): void
    {
        $id = $this->next++;
        // Values of each kind that level zero treats in its own way.
        $value = match ($id % 3) {
            0 => $id,
            1 => str_pad((string) $id, 200 + $key * 300, ' '),
            2 => ['id' => $id, 'list' => range(0, $key)],
        };
        $begun = hrtime(true);
        Cache\set("register {$key}", $value, 600, ['tag ' . $key % 2]);
        $this->record('w', $key, $id, $begun, hrtime(true));
    }

    /** @param list<int> $keys of which the values are removed */
    private function change(string $kind, array $keys, \Closure $change): void
    {
        $begun = hrtime(true);
        $change();
        $end = hrtime(true);
        foreach ($keys as $key) {
            $this->record($kind, $key, $this->next++, $begun, $end);
        }
    }

    private function increment(): void
    {
        // A counter is removed by clear(), and its sums would repeat.
        if (!$this->clears) {
            $begun = hrtime(true);
            $this->record('w', 9999, Cache\increment('counter', 1, 600), $begun, hrtime(true));
        }
    }

    private function read(int $key): void
    {
        $begun = hrtime(true);
        $value = Cache\get("register {$key}");
        $end = hrtime(true);
        $value === null || $this->seen($key, is_array($value) ? $value['id'] : (int) $value, $begun, $end);
    }

    /** With keys that have no value, so that a second tier is asked for many at once. */
    private function readAll(): void
    {
        $keys = array_map(fn (int $key): string => "register {$key}", range(0, $this->keys + 20));
        $begun = hrtime(true);
        $values = Cache\get_multiple($keys);
        $end = hrtime(true);
        foreach (array_filter(array_values($values)) as $key => $value) {
            $this->seen($key, is_array($value) ? $value['id'] : (int) $value, $begun, $end);
        }
    }

    private function readCounter(): void
    {
        $begun = hrtime(true);
        $value = $this->clears ? null : Cache\get('counter');
        $end = hrtime(true);
        $value === null || $this->seen(9999, $value, $begun, $end);
    }

    private function seen(int $key, int $value, int $begun, int $end): void
    {
        if (($this->runs[$key][0] ?? null) === $value) {
            $this->runs[$key][3] = $begun;

            return;
        }
        $this->flush($key);
        $this->runs[$key] = [$value, $begun, $end, $begun];
    }

    private function flush(int $key): void
    {
        if (isset($this->runs[$key])) {
            // The value was there at the end of the first read at the latest, and at the start of the last one still.
            [$value, , $end, $last] = $this->runs[$key];
            $this->record('g', $key, $value, $last, $end);
        }
    }

    private function record(string $kind, int $key, int $value, int $start, int $end): void
    {
        $this->records .= pack('CvPPP', ord($kind), $key, $value, $start, $end);
    }
}
