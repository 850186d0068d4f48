<?php

// Hundreds of forks, in every state of Pillion's runtime, while its threads log, build and publish as fast as they
// can: a lock that a thread holds at the moment of the fork does not block the child.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Forks in each state; the environment variable raises the number. */
define('FORKS', (int) (getenv('ROUNDS') ?: 20));

/** Work of the parent before each fork; $i counts the forks. */
const STATES = [
    'nothing is in use yet' => '',
    'the index was read' => 'Pillion\Velox\find(configuration("known"));',
    'the runtime has nothing to do' => 'Pillion\Velox\build(configuration("known"))->wait(20);',
    'a build was just requested' => '$held[] = Pillion\Velox\build(configuration("fresh {$i}"));',
    'builds are under way' => '$held[] = Pillion\Velox\build(configuration("slow " . $i % 4, ["request_id" => "ffffffff-0000-4000-8000-" . sprintf("%012d", $i)])); $i === 0 && usleep(200_000);',
    'outcomes are unread' => '$held[] = Pillion\Velox\build(configuration("known")); Pillion\notifier();',
    'builds were cancelled' => '$held[] = $build = Pillion\Velox\build(configuration("cancelled {$i}")); usleep(random_int(0, 3000)); $build->cancel();',
    'all futures are dropped' => 'Pillion\Velox\build(configuration("dropped {$i}"));',
    'its threads build, log and publish without a pause' => '
        for ($n = 0; $n < 6; $n++) $held[] = Pillion\Velox\build(configuration("storm {$n}", ["force_rebuild" => true]));
        for ($n = 0; $n < 20; $n++) Pillion\Artifacts\put("00000000000000aa", "/does/not/exist");
        usleep(random_int(0, 4000));
        count($held) > 200 && $held = [];',
];

const CHILD = <<<'PHP'
    // A child that hangs is killed, and seen by its exit code.
    pcntl_alarm(40);
    $good = function (string $name) use ($i): bool {
        $build = Pillion\Velox\build(configuration($name));
        if ($i % 2 === 0) {
            $notifier = Pillion\notifier();
            for ($n = 0; !in_array($build, Pillion\completed(), true); $n++) {
                $read = [$notifier];
                $none = null;
                if ($n > 20 || stream_select($read, $none, $none, 20) === 0) return false;
            }
        }
        return $build->wait(30)->verify();
    };
    Pillion\Velox\find(configuration('known'));
    foreach ($held as $future) {
        $future->state();
        $future->isDone();
    }
    if (!$good("child {$i}")) return 2;
    // A child of the child, while the grandparent continues.
    if ($i % 4 === 0) {
        $exit = reap(child(fn (): int => $good("grandchild {$i}") ? 0 : 3));
        if ($exit !== 0) return $exit < 0 ? 4 : $exit;
    }
    Pillion\Velox\builds();
    return Pillion\status()['runtime']['started'] && $good('known') ? 0 : 5;
    PHP;

foreach (['file' => null, 'php' => 'php'] as $kind => $target) {
    foreach ($target === null ? STATES : array_slice(STATES, -1) as $state => $before) {
        test(sprintf('%d forks while %s%s: each child builds, and so does the parent', FORKS, $state, $target === null ? '' : ', with PHP\'s own log'), function (Sandbox $sandbox) use ($before, $target): void {
            $velox = $sandbox->velox();
            $velox->script(['delay_ms' => 5, 'behaviours' => [['when' => ['request_id' => 'ffffffff-*'], 'delay_ms' => 2000]]]);
            touch($log = "{$sandbox->directory}/pillion.log");
            $program = $sandbox->php(strtr(<<<'PHP'
                $held = [];
                $exits = [];
                $children = [];
                for ($i = 0; $i < FORKS; $i++) {
                    BEFORE
                    $children[] = child(function () use ($i, &$held): int {
                        CHILD
                    });
                    if (count($children) >= 6) $exits[] = reap(array_shift($children));
                }
                foreach ($children as $child) $exits[] = reap($child);
                report('exits', array_count_values($exits));
                $last = Pillion\Velox\build(configuration('known'));
                report('parent', outcome(fn () => $last->wait(30)));
                $wrong = array_filter(array_map(fn ($future) => outcome(fn () => $future->wait(60)), $held), fn ($one) => !($one['good'] ?? false) && ($one['class'] ?? '') !== 'Pillion\CancelledException');
                report('wrong', array_slice(array_values($wrong), 0, 3));
                PHP, ['FORKS' => FORKS, 'BEFORE' => $before, 'CHILD' => CHILD]), ini: [
                    'pillion.log' => $target ?? $log, 'pillion.log_level' => 'trace', 'pillion.log_format' => 'json',
                    'log_errors' => '1', 'error_log' => $target === null ? '/dev/null' : $log,
                ]);
            $reports = $program->receiveAll(180);
            same([[0 => FORKS]], $reports['exits'] ?? $reports, 'exit codes of the children');
            same(true, $reports['parent'][0]['good'] ?? null, show($reports));
            same([[]], $reports['wrong']);
            same(0, $program->wait());
            if ($target === null) {
                foreach (file($log, FILE_IGNORE_NEW_LINES) as $line) {
                    is_true(is_array(json_decode($line, true)), "a broken line in the log: {$line}");
                }
            }
            $sandbox->isLeftClean();
        });
    }
}
