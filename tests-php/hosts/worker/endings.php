<?php

// The application of the hosts in the tests of worker mode: the path of a request names its ending.

declare(strict_types=1);

use Pillion\Worker;

final class Endings
{
    /** @var list<object> */
    private array $kept = [];

    /** @param bool $counts counts each request as one byte in a file, without a line */
    public function __construct(private readonly bool $counts = false)
    {
        // Once before the loop, if there is one.
        Worker\on_reset(static fn () => throw new LogicException('a hook that throws stops no other'), 1);
        Worker\on_reset(static fn () => Worker\scope_get('fatal in a hook') && str_repeat('x', 1 << 30), 2);
        Worker\on_reset(fn () => $this->note('reset', fn (): string => Worker\request_id()));
    }

    /** @param Closure(): string $line */
    private function note(string $file, Closure $line): void
    {
        $file = ini_get('pillion.state_dir') . '/' . $file;
        $this->counts ? file_put_contents($file, '.', FILE_APPEND) : file_put_contents($file, $line() . "\n", FILE_APPEND | LOCK_EX);
    }

    /** Records the beginning of a request, as the application sees it. */
    public function begins(string $path): void
    {
        // The test compares these lines with those that Pillion logs at the end of each request.
        $this->note('begun', fn (): string => Worker\request_id() . " {$path}");
        if ($this->counts && $path === '/die_in_shutdown_function') {
            $this->note('skipping', fn (): string => '');
        }
    }

    public function serve(string $path): void
    {
        $this->begins($path);
        headers_sent() || header('X-Pillion-Request: ' . Worker\request_id());
        match (trim($path, '/')) {
            'hello' => print '"hello"',
            'preloaded' => print json_encode(class_exists('Preloaded', false)),
            'opcache_reset' => opcache_reset(),
            'status' => print json_encode(Worker\status(), JSON_THROW_ON_ERROR),
            'requests' => print json_encode(array_column(\Pillion\status()['workers'], 'request'), JSON_THROW_ON_ERROR),
            'job' => Pillion\Artifacts\clean()->wait(),
            'heap' => print Pillion\status()['heap']['bytes'],
            'scope' => self::scope(),
            'leave' => self::leave(),
            'found' => print json_encode(self::found(), JSON_THROW_ON_ERROR),
            'loop' => print json_encode(self::inner()),
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
        $before = [Worker\scope_get('mine'), self::tag()];
        Worker\scope_set('mine', Worker\request_id());
        self::tag(Worker\request_id());
        usleep(random_int(0, 10_000));
        echo json_encode([$before, [Worker\scope_get('mine'), self::tag()], Worker\request_id()], JSON_THROW_ON_ERROR);
    }

    /** The data that Sentry's SDK would send with an event, which this sets. */
    private static function tag(?string $value = null): ?string
    {
        Sentry\SentrySdk::getCurrentHub()->configureScope(static function (Sentry\State\Scope $scope) use (&$tag, $value): void {
            $tag = $scope->tags()['mine'] ?? null;
            $value === null || $scope->setTag('mine', $value);
        });

        return $tag;
    }

    /** Leaves a setting, a handler, a time zone and a stream wrapper behind; prints the values that it has found. */
    private static function leave(): void
    {
        $found = self::found();
        ini_set('precision', (string) random_int(1, 9));
        set_error_handler(static fn (): bool => false);
        date_default_timezone_set('Etc/GMT+' . random_int(1, 9));
        stream_wrapper_register('left' . random_int(0, 1 << 30), ArrayIterator::class);
        chdir('/');
        echo json_encode($found, JSON_THROW_ON_ERROR);
    }

    private static function found(): array
    {
        $handler = set_error_handler(null);
        restore_error_handler();

        return [ini_get('precision'), get_debug_type($handler), date_default_timezone_get(), count(preg_grep('/^left/', stream_get_wrappers())), basename(getcwd())];
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
        // The command line and RoadRunner don't have this function.
        return !function_exists('fastcgi_finish_request') || fastcgi_finish_request() || true;
    }

    /** @return array{int, string} result of a loop within a request */
    private static function inner(): array
    {
        try {
            return [Worker\loop(static fn () => print 'from the inner loop'), 'served'];
        } catch (Pillion\StateException $refused) {
            return [$refused->getCode(), $refused->getMessage()];
        }
    }
}
