--TEST--
Log lines are text, JSON or logfmt with stable events and fields
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

$id = '123e4567-e89b-42d3-a456-426614174000';
foreach (['text', 'json', 'logfmt'] as $format) {
    $ended = php("
        Pillion\\Velox\\build(request(['request_id' => '$id']))->wait(30);
    ", ['log' => 'stderr', 'log_format' => $format]);
    $lines = array_filter(explode("\n", $ended['errors']), fn ($line) => str_contains($line, 'build request received'));
    echo preg_replace(['/\d{4}-\d\d-\d\dT[\d:.]+Z/', '/(pid\W+)\d+/'], ['TIME', '${1}PID'], array_values($lines)[0]), "\n";
}
?>
--EXPECT--
TIME INFO  build request received pid=PID request_id=123e4567-e89b-42d3-a456-426614174000 os=linux arch=amd64 rr_version=v2025.1.2 plugins_count=2 force_rebuild=false
{"time":"TIME","level":"info","event":"build request received","pid":PID,"request_id":"123e4567-e89b-42d3-a456-426614174000","os":"linux","arch":"amd64","rr_version":"v2025.1.2","plugins_count":2,"force_rebuild":false}
time=TIME level=info event="build request received" pid=PID request_id=123e4567-e89b-42d3-a456-426614174000 os=linux arch=amd64 rr_version=v2025.1.2 plugins_count=2 force_rebuild=false
