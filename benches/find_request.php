<?php

declare(strict_types=1);

/**
 * `Velox\find` and `Velox\key` with a request against the same key computed in PHP, and `apcu_fetch` of the same
 * metadata as an array. Both extensions are in this process, and take turns.
 */

use Pillion\{Artifacts, Velox};

require __DIR__ . '/support.php';

/** The key of a request, as the Velox plugin defines it. */
function key_in_php(array $request): string
{
    $lower = static fn (string $text): string => strtolower(trim($text));
    $plugins = [];
    foreach ($request['plugins'] as ['module_name' => $module, 'tag' => $tag]) {
        $plugins[] = ['module' => $lower($module), 'tag' => $lower($tag)];
    }
    sort($plugins);
    $json = json_encode([
        'rr_version' => $lower($request['rr_version']),
        'os' => $lower($request['target_platform']['os']),
        'arch' => $lower($request['target_platform']['arch']),
        'plugins' => $plugins,
    ], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);

    return substr(hash('sha256', strtr($json, ['<' => '\u003c', '>' => '\u003e', '&' => '\u0026'])), 0, 16);
}

foreach ([4 => 1500, 40 => 12_000] as $count => $most) {
    // A new array in each script, which no other code has prepared; its plugins are in no order.
    $request = unserialize(serialize(['plugins' => array_map(
        static fn (int $n): array => ['module_name' => 'github.com/roadrunner-server/plugin' . $n * 7 % $count . '/v5', 'tag' => "v5.1.$n"],
        range(0, $count - 1),
    )] + CONFIG));
    $key = Velox\key($request);
    $key === key_in_php($request) || throw new RuntimeException("the key in PHP is not $key");
    Artifacts\put($key, __FILE__, ['config' => $request])->wait(30);
    Velox\find($request)?->key === $key || throw new RuntimeException("the request does not find $key");
    $simple = static fn (array $request): string => hash('sha256', json_encode($request));
    foreach ([$key, $simple($request)] as $name) {
        apcu_store($name, [...metadata($key), 'config' => $request]);
    }
    $times = static fn (callable $call): callable => static function (array $requests) use ($call): void {
        foreach ($requests as $request) {
            $call($request);
        }
    };
    $of = measured(array_fill(0, 1000, $request), max(1, intdiv(200, $count)), array_map($times, [
        'find' => Velox\find(...),
        'key' => Velox\key(...),
        'found in PHP' => static fn (array $request): array => apcu_fetch(key_in_php($request)),
        'key in PHP' => key_in_php(...),
        'simple' => static fn (array $request): array => apcu_fetch($simple($request)),
    ]));
    $what = "of a request with $count plugins";
    compare("`Velox\\find` $what", $of['find'], 'the key in PHP and `apcu_fetch`', $of['found in PHP'], 4, $most);
    compare('the same', $of['find'], 'a SHA-256 of the request as it is and `apcu_fetch`', $of['simple'], null);
    compare("`Velox\\key` $what", $of['key'], 'the key in PHP', $of['key in PHP'], 4, $most);
}
