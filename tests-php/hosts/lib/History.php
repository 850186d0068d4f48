<?php

// What processes have read, stored and removed, with the times of all starts and ends. Whether each value behaves like
// one variable: each read has a value that the variable had at some instant of the read, and so no value is read after
// the end of its overwrite, or again after a later one. Each value is stored once, which makes that simple to decide
// (Gibbons and Korach, Testing Shared Memories, 1997). Values may be lost at any time: a read without one says nothing.

declare(strict_types=1);

namespace Pillion\Tests;

final class History
{
    /** @var array<int, array<int, array{start: int, end: int, since: int, written: ?int}>> by key and value */
    private array $values = [];
    public int $reads = 0;
    public int $writes = 0;

    /**
     * Adds the records of a process (register.php). Of another host, its stores and removals are seen at any time after
     * their start, and its reads say nothing.
     */
    public function add(string $records, bool $isOfHost = true): void
    {
        foreach (str_split($records, 27) as $record) {
            ['kind' => $kind, 'key' => $key, 'value' => $value, 'start' => $start, 'end' => $end] = unpack('Ckind/vkey/Pvalue/Pstart/Pend', $record);
            match (true) {
                $kind !== ord('g') => $this->write($key, $value, $start, $isOfHost ? $end : PHP_INT_MAX),
                $isOfHost => $this->read($key, $value, $start, $end),
                default => null,
            };
        }
    }

    /** A value was there at $end at the latest, and at $start still. */
    public function read(int $key, int $value, int $start, int $end): void
    {
        ++$this->reads;
        $this->extend($key, $value, $start, $end);
    }

    /** A value was stored, or removed, which is like the store of a value that is never read. */
    public function write(int $key, int $value, int $start, int $end): void
    {
        ++$this->writes;
        $this->extend($key, $value, $start, $end);
        $this->values[$key][$value]['written'] === null || fail("value {$value} of key {$key} is stored twice");
        $this->values[$key][$value]['written'] = $start;
    }

    private function extend(int $key, int $value, int $start, int $end): void
    {
        $known = $this->values[$key][$value] ?? ['start' => 0, 'end' => PHP_INT_MAX, 'since' => PHP_INT_MAX, 'written' => null];
        // The latest start, and the earliest end, of all operations with the value.
        $known['start'] = max($known['start'], $start);
        $known['end'] = min($known['end'], $end);
        $this->values[$key][$value] = $known;
    }

    /** The first contradiction; null: there is none. */
    public function contradiction(): ?string
    {
        foreach ($this->values as $key => $values) {
            // Times at which the variable certainly has the value, in their order.
            $certain = array_filter($values, fn (array $value): bool => $value['end'] < $value['start']);
            uasort($certain, fn (array $one, array $other): int => $one['end'] <=> $other['end']);
            $previous = null;
            foreach ($values as $id => $value) {
                if ($value['written'] === null || $value['end'] < $value['written']) {
                    return "key {$key}: value {$id} is read before it is stored";
                }
            }
            foreach ($certain as $id => $value) {
                if ($previous !== null && $value['end'] < $certain[$previous]['start']) {
                    return self::overlap($key, $previous, $certain[$previous], $id, $value);
                }
                $previous = $id;
            }
            // Any other value was there for an instant at least, between its two times.
            $ends = array_column($certain, 'end');
            $ids = array_keys($certain);
            foreach ($values as $id => $value) {
                if ($value['end'] < $value['start']) {
                    continue;
                }
                // The last one that began before.
                for ($low = 0, $high = count($ends); $low < $high;) {
                    $middle = intdiv($low + $high, 2);
                    $ends[$middle] < $value['start'] ? $low = $middle + 1 : $high = $middle;
                }
                if ($low > 0 && $certain[$ids[$low - 1]]['start'] > $value['end']) {
                    return self::overlap($key, $ids[$low - 1], $certain[$ids[$low - 1]], $id, $value);
                }
            }
        }

        return null;
    }

    /** The first violation of a counter: a sum that is there although a larger one was there before. */
    public function decrease(int $key): ?string
    {
        $values = $this->values[$key] ?? [];
        krsort($values);
        $least = PHP_INT_MAX;
        foreach ($values as $sum => $value) {
            if ($value['start'] > $least) {
                return "sum {$sum} of key {$key} is there after a larger one";
            }
            $least = min($least, $value['end']);
        }

        return null;
    }

    private static function overlap(int $key, int $one, array $first, int $other, array $second): string
    {
        return sprintf(
            'key %d: value %x is there from %d to %d, and value %x within that: from %d to %d',
            $key, $one, $first['end'], $first['start'], $other, min($second['start'], $second['end']), max($second['start'], $second['end']),
        );
    }
}
