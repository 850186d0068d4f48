--TEST--
PHP starts with any setting, reports each invalid one with its place, and makes keys
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$names = array_map(fn ($name) => substr($name, strlen('pillion.')), array_keys(ini_get_all('pillion')));
// Nobody, root included, can create a path in /proc.
$values = [
    'x', '-1', '0', '1e309', 'NAN', '99999999999999999999999999', str_repeat('9', 3000), str_repeat('x', 5000), "\xff\xfe\xfd",
    '../../../../etc/passwd', '/dev/zero', '/proc/self/mem', '/proc/nonexistent/deep/er', '${NOT_SET}', '${', '%s%n%x', "a\tb",
    '5h5h5h5h', '9223372036854775807ns', '-9223372036854775808', '18446744073709551615T', 'http://', 'https://[::1',
    'file:///etc/passwd', '=', ',,,', '/proc/a=', '=/b', "\u{202e}txt", '٣', 'true false', '{}', '[]', 'null', '~', '*',
];
$code = '
    $problems = Pillion\status()["problems"];
    $key = Pillion\Velox\key(request());
    $tell = function (callable $call) {
        try {
            $call();
        } catch (Pillion\Exception $e) {
            return strlen($e->getMessage()) < 16384;
        }

        return true;
    };
    $fine = $tell(fn () => Pillion\Velox\find(request())) && $tell(fn () => Pillion\Velox\build(request(), 0.01)->wait(0.5))
        && $tell(fn () => Pillion\Artifacts\stats()) && $tell(fn () => Pillion\Artifacts\clean()->wait(5));
    ob_start();
    (new ReflectionExtension("pillion"))->info();
    $info = ob_get_clean();
    echo serialize([$problems, $key, $fine, strlen($info), str_contains($info . implode($problems), "hunter2") || str_contains($info . implode($problems), "root:x:")]);
';
$own = ['state_dir' => '', 'run_dir' => '', 'log' => '', 'velox_path_map' => '', 'velox_retry_initial_delay' => '', 'velox_retry_max_delay' => ''];
$seen = [];
$check = function (string $what, array $ended) use (&$seen): void {
    $told = @unserialize($ended['output']);
    if (0 !== $ended['exit'] || !is_array($told)) {
        printf("%s: exit %s, signal %s: %.500s%.500s\n", $what, $ended['exit'] ?? '-', $ended['signal'] ?? '-', $ended['output'], $ended['errors']);

        return;
    }
    [$problems, $key, $fine, $length, $leaks] = $told;
    if ('2eccb077c71e1f91' !== $key || !$fine || $leaks || $length > 256 << 10) {
        printf("%s: key %s, errors %s, password %s, %d bytes of --ri\n", $what, $key, $fine ? 'fine' : 'long', $leaks ? 'told' : 'kept', $length);
    }
    foreach ($problems as $problem) {
        // The place: a setting with its source, or the line of the file.
        if (!preg_match('/^(pillion\.\w+ \(INI\)|[A-Z\d_]+ \(environment\)|[\w.]+ in \S+ line \d+|\S+ line \d+|\S+\.yaml|\S+\/etc\/passwd|\/etc\/passwd|pillion\.\w+)/', $problem) || strlen($problem) > 4096) {
            printf("%s: %.300s\n", $what, $problem);
        }
        $seen[explode(' ', $problem)[0]] = true;
    }
};
$started = [];
$finish = function () use (&$started, $check): void {
    foreach ($started as [$what, $process]) {
        $check($what, php_end($process));
    }
    $started = [];
};
foreach ($values as $at => $value) {
    $what = substr((string) json_encode($value, JSON_INVALID_UTF8_SUBSTITUTE), 0, 40);
    // A quote ends PHP's value. The rest is set everywhere, in parts: the command stays short, and errors stay visible.
    $ini = array_fill_keys($names, strtr($value, ['"' => '', '${' => '$', "\xff\xfe\xfd" => "\xff"]));
    foreach (array_chunk($ini, 14, true) as $half => $settings) {
        $started[] = ["INI $half: $what", php_start($code, $settings + $own)];
    }
    foreach ($names as $name) {
        putenv('PILLION_' . strtoupper($name) . "=$value");
    }
    $started[] = ["environment: $what", php_start($code, $own)];
    foreach ($names as $name) {
        putenv('PILLION_' . strtoupper($name));
    }
    $yaml = "velox:\n";
    foreach (['server_url', 'build_timeout', 'path_map', 'auth_token', 'cache', 'retry', 'unknown'] as $name) {
        $yaml .= "  $name: $value\n";
    }
    file_put_contents(scratch("$at.yaml"), $yaml . "pillion:\n  threads: $value\n  log: $value\n");
    $started[] = ["file: $what", php_start($code, ['config' => scratch("$at.yaml")] + $own)];
    if (count($started) > 6) {
        $finish();
    }
}
foreach ([
    'empty' => '', 'a list' => "- 1\n- 2\n", 'deep' => 'velox: ' . str_repeat('[', 5000), 'no YAML' => "velox:\n\t- : :\n  {", 'two documents' => "velox: {}\n---\nvelox: {}\n",
    'laughs' => "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\nvelox: [*d,*d,*d,*d,*d,*d,*d]\n",
    'itself' => "velox: &a\n  cache: *a\n", 'large' => str_repeat("# x\n", 300_000), 'NULs' => "velox:\0\0\n", 'twice' => "velox: {}\nvelox: {}\n", 'keys that are none' => "velox:\n  ? [a]\n  : b\n  1: 2\n  ~: 3\n",
    'UTF-16' => "\xff\xfev\0e\0l\0o\0x\0:\0", 'a tag' => "velox: !!python/object:os.system 'x'\n", 'merge' => "x: &x {threads: 0}\npillion: {<<: *x}\n",
] as $what => $yaml) {
    file_put_contents(scratch('file.yaml'), $yaml);
    $check("file: $what", php($code, ['config' => scratch('file.yaml')] + $own));
}
exec('mkfifo ' . escapeshellarg(scratch('fifo.yaml')));
// Neither a password in an invalid address nor the content of a wrongly named file is shown.
foreach (['http://user:hunter2@', 'ftp://user:hunter2@h', 'http://user:hunter2@h:99999', 'http://user:hunter2@h/ x', 'http:/user:hunter2@h', 'user:hunter2@h'] as $url) {
    $check("address $url", php($code, ['velox_server_url' => $url] + $own));
    $check("token $url", php($code, ['velox_auth_token' => "$url hunter2"] + $own));
}
foreach (['/etc/passwd', '/dev/zero', '/dev/random', scratch('fifo.yaml'), '/proc/self/environ', '/', '/dev/full', '/dev/tty'] as $path) {
    $check("file: $path", php($code, ['config' => $path] + $own));
}
$finish();
var_dump(count($seen) > 50 ?: array_keys($seen));
?>
--EXPECT--
bool(true)
