--TEST--
An invalid value in the YAML file is reported with its line; an unknown key is a warning
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
velox.retry.max_atempts in SCRATCH/bad.yaml line 5: found an unknown setting, which has no effect; did you mean velox.retry.max_attempts?
pillion.log_level in SCRATCH/bad.yaml line 7: found "loud" (unknown word); expected one of off, error, warn, info, debug, trace
velox.build_timeout in SCRATCH/bad.yaml line 3: found "soon" (not a duration); expected a duration from 1s to 24h, like 90s, 1h30m or 500ms
Pillion\ConfigException(100): velox.build_timeout in SCRATCH/bad.yaml line 3: found "soon" (not a duration); expected a duration from 1s to 24h, like 90s, 1h30m or 500ms
SCRATCH/broken.yaml line 2: found invalid YAML (unclosed bracket '['); expected YAML with the section velox
Pillion\ConfigException(100): SCRATCH/broken.yaml line 2: found invalid YAML (unclosed bracket '['); expected YAML with the section velox
