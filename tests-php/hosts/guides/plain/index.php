<?php

// The worker script of docs/guides/worker-mode.md. No code here names a superglobal: PHP fills them only for code that
// does (auto_globals_jit), and all data of the request are in them.

declare(strict_types=1);

use Pillion\Worker;

final class Application
{
    private readonly string $mode;

    public function __construct()
    {
        $this->mode = Worker\mode();
    }

    public function handle(): void
    {
        echo json_encode([$this->mode, Worker\mode(), Worker\status()['worker_mode'], Worker\request_id()]);
    }
}

$application = new Application();                       // once
Worker\loop($application->handle(...), 1000);           // a thousand requests, then the script starts anew
