<?php

// What the hosts serve in the tests of worker mode: the path of a request says how it ends.

declare(strict_types=1);

use Pillion\Worker;

final class Endings
{
    /** @var list<object> */
    private array $kept = [];

    public function __construct()
    {
        // Once before the loop, where there is one.
        Worker\on_reset(static fn () => throw new LogicException('a hook that throws stops no other'), 1);
        Worker\on_reset(static fn () => Worker\scope_get('fatal in a hook') && str_repeat('x', 1 << 30), 2);
        Worker\on_reset(static fn () => file_put_contents(ini_get('pillion.state_dir') . '/reset', Worker\request_id() . "\n", FILE_APPEND | LOCK_EX));
    }

    public function serve(string $path): void
    {
        // The test compares these lines with those that Pillion logs at the end of each request.
        file_put_contents(ini_get('pillion.state_dir') . '/begun', Worker\request_id() . " {$path}\n", FILE_APPEND | LOCK_EX);
        headers_sent() || header('X-Pillion-Request: ' . Worker\request_id());
        match (trim($path, '/')) {
            'hello' => print '"hello"',
            'status' => print json_encode(Worker\status(), JSON_THROW_ON_ERROR),
            'scope' => self::scope(),
            'return' => null,
            'echo' => print 'text',
            'throw' => throw new RuntimeException('uncaught'),
            'throw_from_deep' => self::deep(20, fn () => throw new RuntimeException('uncaught')),
            'error' => intdiv(1, 0),
            'fatal' => not_there(...),
            'memory' => str_repeat('x', 1 << 30),
            'time' => self::spin(),
            'exit' => exit,
            'exit_from_deep' => self::deep(20, fn () => exit('text')),
            'exit_code' => exit(3),
            'exit_in_finally' => self::exitInFinally(),
            'die_in_destructor' => self::dieInDestructor(),
            'die_in_output_callback' => ob_start(static fn () => exit) && print 'text',
            'die_in_shutdown_function' => register_shutdown_function(static fn () => exit) || exit,
            'throw_in_destructor' => self::throwInDestructor(),
            'nested_buffers' => self::nestedBuffers(),
            'buffers_left_open' => ob_start() && ob_start() && print 'text',
            'headers_early' => header('X-Early: yes') ?? print 'text' . flush(),
            'redirect' => header('Location: /elsewhere'),
            'flush' => print 'text' . flush(),
            'finish_and_work' => self::finish() && usleep(1000),
            'finish_and_exit' => self::finish() && exit,
            'finish_and_throw' => self::finish() && throw new RuntimeException('too late'),
            'generator' => print implode(iterator_to_array(self::numbers())),
            'generator_left' => self::numbers()->current(),
            'fiber' => (new Fiber(static fn () => print 'text'))->start(),
            'fiber_suspended' => ($this->kept[] = new Fiber(static fn () => Fiber::suspend()))->start(),
            'exit_in_fiber' => (new Fiber(static fn () => exit))->start(),
            'ini_set' => ini_set('precision', '7'),
            'chdir' => chdir('/'),
            'fatal_in_a_hook' => Worker\scope_set('fatal in a hook', true),
            'throw_in_output_callback' => ob_start(static fn () => throw new RuntimeException('from a callback')) && print 'text',
            'slow' => print str_repeat(' ', 1 << 16) . flush() . usleep(300_000) . 'text',
            'warning' => trigger_error('a warning', E_USER_WARNING),
            default => throw new LogicException("no such path: {$path}"),
        };
    }

    private static function scope(): void
    {
        $before = Worker\scope_get('mine');
        Worker\scope_set('mine', Worker\request_id());
        usleep(random_int(0, 10_000));
        echo json_encode([$before, Worker\scope_get('mine'), Worker\request_id()], JSON_THROW_ON_ERROR);
    }

    private static function deep(int $levels, callable $work): mixed
    {
        return $levels === 0 ? $work() : self::deep($levels - 1, $work);
    }

    private static function spin(): never
    {
        set_time_limit(1);
        while (true);
    }

    private static function exitInFinally(): void
    {
        try {
            throw new RuntimeException('never seen');
        } finally {
            exit;
        }
    }

    private static function dieInDestructor(): void
    {
        new class {
            public function __destruct()
            {
                exit;
            }
        };
    }

    private static function throwInDestructor(): void
    {
        new class {
            public function __destruct()
            {
                throw new RuntimeException('from a destructor');
            }
        };
    }

    private static function nestedBuffers(): void
    {
        ob_start();
        echo 'a';
        ob_start(static fn (string $text): string => strtoupper($text));
        echo 'b';
        ob_end_flush();
        ob_end_flush();
    }

    /** @return Generator<int> */
    private static function numbers(): Generator
    {
        try {
            yield from range(1, 9);
        } finally {
            gc_collect_cycles();
        }
    }

    private static function finish(): bool
    {
        echo 'text';
        // The command line and RoadRunner have no such function.
        return !function_exists('fastcgi_finish_request') || fastcgi_finish_request() || true;
    }
}
