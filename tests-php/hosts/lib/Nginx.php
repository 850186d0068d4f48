<?php

// nginx in front of php-fpm, as a user that can read what php-fpm's children write.

declare(strict_types=1);

namespace Pillion\Tests;

final class Nginx
{
    public readonly Process $process;
    private readonly string $address;

    /** @param string $locations further locations of its server */
    public function __construct(Sandbox $sandbox, Fpm $fpm, string $locations = '')
    {
        $this->address = '127.0.0.1:' . free_port();
        $directory = $sandbox->directory . '/nginx';
        mkdir($directory);
        $user = Fpm::user();
        $as = $user === null ? '' : "user {$user} " . posix_getgrgid(posix_getpwnam($user)['gid'])['name'] . ';';
        $temporary = implode("\n", array_map(
            static fn (string $kind): string => "{$kind}_temp_path {$directory}/{$kind};",
            ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'],
        ));
        file_put_contents("{$directory}/nginx.conf", <<<CONF
            daemon off;
            {$as}
            worker_processes 1;
            pid {$directory}/pid;
            error_log stderr warn;
            events {
                worker_connections 1024;
            }
            http {
                access_log off;
                {$temporary}
                server {
                    listen {$this->address};
                    location / {
                        fastcgi_pass unix:{$fpm->socket()};
                        fastcgi_param SCRIPT_FILENAME {$fpm->root()}/index.php;
                        fastcgi_param REQUEST_METHOD \$request_method;
                        fastcgi_param REQUEST_URI \$request_uri;
                        fastcgi_param QUERY_STRING \$query_string;
                        fastcgi_param CONTENT_TYPE \$content_type;
                        fastcgi_param CONTENT_LENGTH \$content_length;
                        fastcgi_param SERVER_PROTOCOL \$server_protocol;
                    }
                    {$locations}
                }
            }
            CONF);
        $program = is_executable('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
        $this->process = $sandbox->start('nginx', [$program, '-e', 'stderr', '-c', "{$directory}/nginx.conf"]);
        eventually('nginx answers', fn (): bool => $this->process->hasEnded()
            ? fail('nginx has ended') : Http::get($this->url('hello'), 5)['status'] === 200, 30);
    }

    public function url(string $what, string ...$query): string
    {
        return "http://{$this->address}/{$what}" . ($query === [] ? '' : '?' . http_build_query($query));
    }
}
