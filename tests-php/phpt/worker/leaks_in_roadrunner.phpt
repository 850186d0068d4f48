--TEST--
In RoadRunner a leak is reported at the next request, and the loop's own values are not
--FILE--
<?php
require __DIR__ . '/../lib.inc';
putenv('RR_MODE=http');
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error']);

class_exists('Spiral\\RoadRunner\\Worker') || eval('
namespace Spiral\RoadRunner;

final class Payload
{
    public function __construct(public string $body) {}
}

final class Worker
{
    private $wire;

    public function __construct()
    {
        $this->wire = fopen("php://temp", "w+");
        for ($i = 1; $i <= 12; $i++) {
            $body = "request $i";
            fwrite($this->wire, pack("CCVVx2V", 0x14, 0x80, strlen($body), 0, 0) . $body);
        }
        fwrite($this->wire, pack("CCVVx2", 0x13, 1, 13, 0) . \'{"stop":true}\');
        rewind($this->wire);
    }

    public function waitPayload(): ?Payload
    {
        $head = unpack("Cwords/Cflags/Vlength", fread($this->wire, 12));
        $rest = fread($this->wire, ($head["words"] & 15) * 4 - 12 + $head["length"]);

        return $head["flags"] === 1 ? null : new Payload(substr($rest, 4));
    }
}
');

final class Seen
{
    public static array $requests = [];
}

function serve(Spiral\RoadRunner\Worker $worker): void
{
    $number = 0;
    $sizes = [];
    $last = null;
    while ($payload = $worker->waitPayload()) {
        $number++;
        $sizes = array_fill(0, $number % 3, $last);
        $last = $payload;
        echo $payload->body, ': ', json_encode(array_column(Pillion\Worker\leaks(), 'message'), JSON_UNESCAPED_UNICODE), "\n";
        if ($number > 2) {
            Seen::$requests[] = $payload->body;
        }
    }
}

echo Pillion\Worker\mode(), "\n";
serve(new Spiral\RoadRunner\Worker());
echo json_encode(array_column(Pillion\Worker\leaks(), 'message'), JSON_UNESCAPED_UNICODE), "\n";
?>
--EXPECT--
roadrunner
request 1: []
request 2: []
request 3: []
request 4: []
request 5: []
request 6: []
request 7: []
request 8: []
request 9: []
request 10: ["Seen::$requests: array 1 → 7 elements, +240 bytes"]
request 11: ["Seen::$requests: array 1 → 8 elements, +280 bytes"]
request 12: ["Seen::$requests: array 1 → 9 elements, +448 bytes"]
["Seen::$requests: array 1 → 10 elements, +488 bytes"]
