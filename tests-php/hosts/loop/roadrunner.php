<?php

// RoadRunner's worker in the tests of Worker\loop(), with the package's own small worker.

declare(strict_types=1);

require __DIR__ . '/../lib/bridge.php';

use Pillion\Bridge\RoadRunner\Request;
use Pillion\Bridge\RoadRunner\Response;
use Pillion\Bridge\RoadRunner\Upload;
use Pillion\Worker;

final class Served
{
    public int $requests = 0;
    public array $memory = [];

    /** The path names the action. */
    public function answer(Request $request): mixed
    {
        $this->requests++;
        parse_str((string) parse_url($request->uri, PHP_URL_QUERY), $query);

        return match (trim($request->path(), '/')) {
            'hello' => json_encode(['pid' => getmypid(), 'requests' => $this->requests]),
            'request' => json_encode(get_object_vars($request), JSON_THROW_ON_ERROR | JSON_PARTIAL_OUTPUT_ON_ERROR),
            'upload' => $this->upload($request),
            'size' => (string) strlen($request->body),
            'status' => json_encode(Worker\status()),
            'headers' => [201, ['X-One' => 'a', 'X-Two' => ['b', 'c'], 'Set-Cookie' => ['a=1; Path=/', 'b=2']], 'made'],
            'named' => ['status' => 404, 'headers' => ['Content-Type' => 'text/plain'], 'body' => 'nothing'],
            'nothing' => null,
            'without_body' => new Response(204, [], 'dropped'),
            'psr' => $this->psr(),
            'big' => str_repeat('0123456789abcdef', (int) ($query['kib'] ?? 1024) * 64),
            'chunks' => new Response(200, ['Content-Type' => 'text/plain'], $this->chunks((int) $query['n'], (int) ($query['ms'] ?? 0))),
            'file' => new Response(200, [], fopen(__FILE__, 'r')),
            'chunks_fail_early' => new Response(200, [], (static function () { throw new RuntimeException('early'); yield 'x'; })()),
            'chunks_fail_late' => new Response(200, [], (static function () { yield 'first'; throw new RuntimeException('late'); })()),
            'throw' => throw new RuntimeException('from the handler'),
            'bad_status' => [99, [], ''],
            'bad_header' => [200, ["X-A\r\nB" => 'x'], ''],
            'bad_answer' => 42.5,
            'print' => $this->printsEverywhere(),
            'read' => stream_get_contents(STDIN) . fread(fopen('php://stdin', 'r'), 100) . shell_exec('cat'),
            'exit' => exit('bye'),
            'exit_code' => exit(3),
            'fatal' => not_there(...),
            'memory' => str_repeat('x', 1 << 30),
            'grow' => (string) strlen($this->memory[] = str_repeat('x', 8 << 20)),
            'begin' => Worker\request_begin(),
            'loop' => Worker\loop(static fn () => null),
            'sleep' => usleep(200_000) ?? 'slept',
            'hang' => sleep(60),
            'id' => Worker\request_id(),
            'fork' => $this->fork(),
            default => [404, [], 'no such path'],
        };
    }

    private function upload(Request $request): string
    {
        $describe = static function (mixed $file) use (&$describe): mixed {
            return $file instanceof Upload
                ? [$file->name, $file->type, $file->size, $file->error, $file->path === '' ? null : md5_file($file->path)]
                : array_map($describe, $file);
        };
        $moved = ini_get('pillion.state_dir') . '/moved';
        $answer = ['files' => array_map($describe, $request->uploads), 'fields' => $request->parsedBody];
        isset($request->uploads['move']) && $request->uploads['move']->moveTo($moved);

        return json_encode($answer, JSON_THROW_ON_ERROR);
    }

    private function psr(): object
    {
        return new class {
            public function getStatusCode(): int
            {
                return 202;
            }

            /** @return array<string, list<string>> */
            public function getHeaders(): array
            {
                return ['X-Psr' => ['7']];
            }

            public function getBody(): Stringable
            {
                return new class implements Stringable {
                    public function __toString(): string
                    {
                        return 'a message';
                    }
                };
            }
        };
    }

    private function chunks(int $count, int $milliseconds): Generator
    {
        try {
            for ($i = 1; $i <= $count; $i++) {
                yield "chunk {$i}\n";
                $milliseconds > 0 && usleep($milliseconds * 1000);
            }
        } finally {
            file_put_contents(ini_get('pillion.state_dir') . '/chunks', "{$i}\n", FILE_APPEND);
        }
    }

    /** All ways to write to the worker's standard output. */
    private function printsEverywhere(): string
    {
        ob_start();
        echo "from a buffer left open\n";
        ob_start();
        while (ob_get_level() > 0) {
            ob_end_flush();
        }
        echo "from echo\n";
        flush();
        fwrite(STDOUT, "from a stream\n");
        file_put_contents('php://stdout', "from another stream\n");
        file_put_contents('php://output', "from a third stream\n");
        system('echo from a program');
        proc_close(proc_open('echo from a child', [], $pipes));
        trigger_error('from a warning', E_USER_WARNING);

        return 'clean';
    }

    private function fork(): string
    {
        $child = pcntl_fork();
        if ($child === 0) {
            sleep(30);
            posix_kill(getmypid(), SIGKILL);
        }
        usleep(100_000);
        posix_kill($child, SIGTERM);
        pcntl_waitpid($child, $status);

        return json_encode([pcntl_wifsignaled($status), pcntl_wtermsig($status)]);
    }
}

$served = new Served();
$count = Worker\loop($served->answer(...), (int) (getenv('MAX_REQUESTS') ?: 0));
file_put_contents(ini_get('pillion.state_dir') . '/ended', json_encode([$count, $served->requests]) . "\n", FILE_APPEND | LOCK_EX);
