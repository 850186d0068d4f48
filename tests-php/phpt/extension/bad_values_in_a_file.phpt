--TEST--
A bad value in the YAML file is told with its line; an unknown key is a warning and no more
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

file_put_contents(scratch('bad.yaml'), <<<'YAML'
    velox:
      server_url: http://127.0.0.1:9000
      build_timeout: soon
      retry:
        max_atempts: 3
    pillion:
      log_level: loud
    YAML);
$code = '
    foreach (Pillion\status()["problems"] as $problem) {
        echo str_replace(scratch(), "SCRATCH", $problem), "\n";
    }
    thrown(fn () => Pillion\Velox\build(request()));
';
echo str_replace(scratch(), 'SCRATCH', php($code, ['config' => scratch('bad.yaml')])['output']);
file_put_contents(scratch('broken.yaml'), "velox:\n  server_url: [\n");
echo str_replace(scratch(), 'SCRATCH', php($code, ['config' => scratch('broken.yaml')])['output']);
?>
--EXPECT--
velox.retry.max_atempts in SCRATCH/bad.yaml line 5: is no known setting, and has no effect; right would be velox.retry.max_attempts: did you mean that?
pillion.log_level in SCRATCH/bad.yaml line 7: "loud" is none of the known words; right would be one of off, error, warn, info, debug, trace
velox.build_timeout in SCRATCH/bad.yaml line 3: "soon" is not a duration; right would be a duration from 1s to 24h, like 90s, 1h30m or 500ms
Pillion\ConfigException(100): velox.build_timeout in SCRATCH/bad.yaml line 3: "soon" is not a duration; right would be a duration from 1s to 24h, like 90s, 1h30m or 500ms
SCRATCH/broken.yaml line 2: can't be understood: unclosed bracket '['; right would be YAML with the section velox
Pillion\ConfigException(100): SCRATCH/broken.yaml line 2: can't be understood: unclosed bracket '['; right would be YAML with the section velox
