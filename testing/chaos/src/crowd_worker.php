<?php

// Requests on FrankenPHP's threads: builds the requested configuration, and answers in the words of worker.php.

declare(strict_types=1);

$handler = static function (): void {
    $n = (int) ($_GET['n'] ?? -1);
    if ($n < 0) {
        echo 'ready';
        return;
    }
    $request = [
        'request_id' => sprintf('%08x-%04x-4000-8000-000000000000', (int) $_GET['number'], $n),
        'rr_version' => "v2025.1.{$n}",
        'target_platform' => ['os' => 'linux', 'arch' => 'amd64'],
        'plugins' => [['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.2.7']],
    ];
    try {
        $artifact = Pillion\Velox\build($request)->wait(600);
        $hash = hash_file('sha256', $artifact->path);
        echo $hash === $artifact->sha256 ? "- is {$artifact->key} {$hash}" : "! {$artifact->path} hashes to {$hash}, said to be {$artifact->sha256}";
    } catch (Throwable $thrown) {
        echo 'x ', get_class($thrown), ' ', strtok($thrown->getMessage(), "\n");
    }
};

while (frankenphp_handle_request($handler)) {
}
