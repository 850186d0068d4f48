<?php

declare(strict_types=1);

use Pillion\Worker;

/**
 * The application of the guides, the same under FrankenPHP, php-fpm and RoadRunner: it takes path and cookies and
 * returns the response, so that it does not depend on its server. Created once, before the first request.
 */
final class App
{
    /**
     * @param array<string, string> $cookies
     *
     * @return array{int, array<string, string>, string} status, headers, body
     */
    public function handle(string $path, array $cookies): array
    {
        return match ($path) {
            '/' => [200, ['Content-Type' => 'text/plain'], "Hello from {$this->mode()}.\n"],
            '/health' => $this->json(Worker\status()),
            '/visits' => $this->visits($cookies['sid'] ?? ''),
            default => [404, ['Content-Type' => 'text/plain'], "Not found.\n"],
        };
    }

    private function mode(): string
    {
        return Worker\mode() . (Worker\status()['worker_mode'] ? ', which keeps me between requests' : '');
    }

    /**
     * A session without PHP's own cookie, which RoadRunner does not support; this form works everywhere.
     *
     * @return array{int, array<string, string>, string}
     */
    private function visits(string $id): array
    {
        // An empty id creates a new session; strict mode refuses ids that a client has invented.
        session_id(preg_match('/^[a-zA-Z0-9,-]{22,256}$/D', $id) === 1 ? $id : '');
        session_start(['use_cookies' => false, 'use_strict_mode' => true, 'cache_limiter' => '']);
        $visits = $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
        // An open session would continue in the next client's request.
        session_write_close();
        $_SESSION = [];

        return $this->json(['visits' => $visits], ['Set-Cookie' => 'sid=' . session_id() . '; Path=/; HttpOnly; SameSite=Lax']);
    }

    /**
     * @param array<string, mixed> $data
     * @param array<string, string> $headers
     *
     * @return array{int, array<string, string>, string}
     */
    private function json(array $data, array $headers = []): array
    {
        return [200, ['Content-Type' => 'application/json'] + $headers, json_encode($data, JSON_THROW_ON_ERROR)];
    }
}
