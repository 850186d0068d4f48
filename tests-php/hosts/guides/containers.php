<?php

// Dockerfiles and compose files of the examples: their syntax, and the existence of every file they name.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** @return list<array{string, string}> instructions with their arguments, continued lines joined */
function instructions(string $file): array
{
    $instructions = [];
    foreach (explode("\n", str_replace("\\\n", ' ', file_get_contents($file))) as $line) {
        if ($line !== '' && $line[0] !== '#') {
            preg_match('/^(FROM|RUN|COPY|ENV|WORKDIR|EXPOSE|HEALTHCHECK|STOPSIGNAL|CMD) (.+)$/', $line, $found) === 1 || fail("{$file}: {$line}");
            $instructions[] = [$found[1], $found[2]];
        }
    }

    return $instructions;
}

/** The mappings and lists of YAML, as far as a compose file needs them; texts are in double quotes or bare. */
function yaml(string $text): mixed
{
    $lines = array_values(array_filter(explode("\n", $text), static fn (string $line): bool => preg_match('/^\s*(#|$)/', $line) === 0));
    $at = 0;
    $scalar = static fn (string $text): mixed => match (true) {
        $text === '{}' => [],
        $text[0] === '"' => json_decode($text, flags: JSON_THROW_ON_ERROR),
        default => strpbrk($text, "\"{}[]\t") === false ? $text : fail("not plain YAML: {$text}"),
    };
    $block = static function (int $indent) use (&$block, &$at, $lines, $scalar): array {
        $found = [];
        while ($at < count($lines) && ($depth = strspn($lines[$at], ' ')) >= $indent) {
            $depth === $indent || fail("indentation: {$lines[$at]}");
            $line = substr($lines[$at++], $indent);
            if (str_starts_with($line, '- ')) {
                $found[] = $scalar(substr($line, 2));
            } else {
                preg_match('/^([\w.-]+):(?: (.+))?$/', $line, $pair) === 1 || fail("no pair: {$line}");
                isset($found[$pair[1]]) && fail("twice: {$pair[1]}");
                $found[$pair[1]] = isset($pair[2]) ? $scalar($pair[2]) : $block(strspn($lines[$at] ?? '', ' '));
            }
        }

        return $found;
    };

    return $block(0);
}

foreach (['frankenphp', 'fpm', 'roadrunner'] as $example) {
    test("{$example}: the files and commands of the Dockerfile exist", function () use ($example): void {
        $stages = $copied = [];
        $directory = '/';
        foreach (instructions(EXAMPLES . "/{$example}/Dockerfile") as [$instruction, $argument]) {
            switch ($instruction) {
                case 'FROM':
                    preg_match('/^([a-z][\w.\/-]*):([\w.-]+)(?: AS (\w+))?$/', $argument, $found) === 1 || fail("FROM {$argument}");
                    $stages[] = $found[3] ?? 'final';
                    break;
                case 'WORKDIR':
                    is_true($argument[0] === '/', "WORKDIR {$argument}");
                    $directory = $argument;
                    break;
                case 'COPY':
                    $words = explode(' ', $argument);
                    if (str_starts_with($words[0], '--from=')) {
                        $from = substr(array_shift($words), 7);
                        is_true(str_contains($from, ':') || in_array($from, $stages, true), "COPY --from={$from}");
                        is_true($words[0][0] === '/', "COPY {$argument}");
                    } else {
                        is_true(file_exists(REPOSITORY . "/{$words[0]}"), "COPY {$argument}");
                        end($stages) === 'final' && $copied[$words[1]] = $words[0];
                    }
                    same(2, count($words), "COPY {$argument}");
                    break;
                case 'RUN':
                    exec('sh -n -c ' . escapeshellarg($argument) . ' 2>&1', $output, $status);
                    same(0, $status, "RUN {$argument}: " . implode("\n", $output));
                    preg_match('/--package (\S+)/', $argument, $package) && is_true(str_contains(file_get_contents(REPOSITORY . '/Cargo.toml'), "name = \"{$package[1]}\""), "package {$package[1]}");
                    break;
                case 'CMD':
                    $command = json_decode($argument, true, flags: JSON_THROW_ON_ERROR);
            }
        }
        same(['build', 'final'], $stages);
        // The command's file is at the copied example's path, and the application at the path that the script uses.
        same("examples/worker/{$example}/", $copied["{$directory}/"] ?? null, 'the example in the working directory');
        same('examples/worker/App.php', $copied[dirname($directory) . '/App.php'] ?? null);
        foreach (array_slice($command, 1) as $word) {
            str_contains($word, '.') && is_true(is_file(EXAMPLES . "/{$example}/{$word}"), "CMD names {$word}");
        }
    });

    test("{$example}: the compose file builds that image, and its volumes and files exist", function () use ($example): void {
        $compose = yaml(file_get_contents(EXAMPLES . "/{$example}/compose.yaml"));
        same(['services', 'volumes'], array_keys($compose));
        $published = [];
        foreach ($compose['services'] as $name => $service) {
            same([], array_diff(array_keys($service), ['build', 'image', 'environment', 'ports', 'volumes', 'shm_size', 'stop_grace_period', 'working_dir', 'command', 'network_mode', 'depends_on']), $name);
            is_true(isset($service['build']) !== isset($service['image']), "{$name}: build or image");
            if (isset($service['build'])) {
                same(realpath(REPOSITORY), realpath(EXAMPLES . "/{$example}/{$service['build']['context']}"));
                is_true(is_file(REPOSITORY . '/' . $service['build']['dockerfile']), $service['build']['dockerfile']);
            }
            foreach ($service['volumes'] ?? [] as $volume) {
                $source = explode(':', $volume)[0];
                is_true(isset($compose['volumes'][$source]) || is_file(EXAMPLES . "/{$example}/{$source}") || $source === '.', $volume);
            }
            foreach ($service['depends_on'] ?? [] as $other) {
                is_true(isset($compose['services'][$other]), $other);
            }
            foreach (array_keys($service['environment'] ?? []) as $variable) {
                $setting = strtolower(substr($variable, strlen('PILLION_')));
                str_starts_with($variable, 'PILLION_') && is_true(str_contains(file_get_contents(REPOSITORY . '/docs/reference/configuration.md'), "`pillion.{$setting}`"), $variable);
            }
            array_push($published, ...$service['ports'] ?? []);
        }
        same(['8080:8080'], $published);
    });
}
