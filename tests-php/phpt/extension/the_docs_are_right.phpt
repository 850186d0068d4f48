--TEST--
PHP code in docs and stubs compiles and names existing symbols only
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$root = dirname(__DIR__, 3);
$files = [...glob("$root/*.md"), ...glob("$root/docs/*/*.md"), ...glob("$root/php-stubs/*.{md,php}", GLOB_BRACE)];
$blocks = 0;
foreach ($files as $file) {
    $text = file_get_contents($file);
    // In a doc comment each line begins with an asterisk.
    str_ends_with($file, '.php') && $text = preg_replace('/^ *\* ?/m', '', $text);
    preg_match_all('/^```php\n(.*?)^```/ms', $text, $found);
    foreach ($found[1] as $code) {
        ++$blocks;
        // Some blocks are whole files.
        $code = preg_replace('/^<\?php\n+(declare\(strict_types=1\);)?/', '', $code);
        try {
            eval("return;\n$code");
        } catch (ParseError $e) {
            echo basename($file), ': ', $e->getMessage(), "\n$code\n";
        }
    }
    preg_match_all('/(?<!Bridge\\\\)\b(?:Pillion\\\\)?(Velox|Artifacts|Cache|Sentry|Worker|Metrics)\\\\(\w+)\(/', $text, $calls, PREG_SET_ORDER);
    foreach ($calls as [, $namespace, $function]) {
        function_exists("Pillion\\$namespace\\$function") || print(basename($file) . ": no $namespace\\$function()\n");
    }
    preg_match_all('/\bPillion\\\\([A-Z]\w+)\b(?!\\\\)/', $text, $classes);
    foreach ($classes[1] as $class) {
        class_exists("Pillion\\$class") || in_array($class, ['Velox', 'Artifacts', 'Cache', 'Sentry', 'Worker', 'Metrics']) || print(basename($file) . ": no class $class\n");
    }
    preg_match_all('/\bPillion\\\\Bridge\\\\([\w\\\\]+)\b(?![{\\\\])/', $text, $classes);
    foreach ($classes[1] as $class) {
        $path = "$root/php/src/" . strtr($class, '\\', '/');
        file_exists("$path.php") || is_dir($path) || print(basename($file) . ": no class Bridge\\$class\n");
    }
    preg_match_all('/\bpillion\.([a-z_]+)\b/', $text, $settings);
    foreach (array_unique($settings[1]) as $setting) {
        // PHP has no entries for the settings of `pillion serve`.
        if (str_starts_with($setting, 'serve_')) {
            continue;
        }
        in_array($setting, ['so', 'conf', 'ini', 'yaml'], true) || false !== ini_get("pillion.$setting") || print(basename($file) . ": no setting pillion.$setting\n");
    }
}
var_dump($blocks > 10);
?>
--EXPECT--
bool(true)
