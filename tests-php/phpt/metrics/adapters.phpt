--TEST--
promphp's storage and RoadRunner's client count in the application's metrics
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();
require dirname(__DIR__, 3) . '/php/tests/load.php';

use Pillion\Bridge\Prometheus\Storage;
use Pillion\Bridge\RoadRunner;
use Pillion\Metrics;
use Prometheus\Storage\Adapter;
use Spiral\RoadRunner\Metrics\CollectorInterface;
use Spiral\RoadRunner\Metrics\Exception\MetricsException;

$storage = new Storage();
$data = ['name' => 'shop_orders', 'help' => 'Orders.', 'labelNames' => ['kind', 'country'], 'labelValues' => ['web', 7]];
$storage->updateCounter($data + ['value' => 2, 'command' => Adapter::COMMAND_INCREMENT_INTEGER]);
$storage->updateCounter($data + ['value' => 1, 'command' => Adapter::COMMAND_INCREMENT_INTEGER]);
$gauge = ['name' => 'shop_load', 'help' => '', 'labelNames' => [], 'labelValues' => []];
$storage->updateGauge($gauge + ['value' => 3, 'command' => Adapter::COMMAND_SET]);
$storage->updateGauge($gauge + ['value' => -0.5, 'command' => Adapter::COMMAND_INCREMENT_FLOAT]);
$storage->updateGauge(['name' => 'php_info', 'help' => 'PHP', 'labelNames' => ['version'], 'labelValues' => ['8'], 'type' => 'gauge', 'value' => 1, 'command' => Adapter::COMMAND_SET]);
$seconds = ['name' => 'shop_seconds', 'help' => '', 'labelNames' => ['a'], 'labelValues' => ['b'], 'buckets' => [0.5, 1]];
$storage->updateHistogram($seconds + ['value' => 0.7]);
$storage->updateSummary(['name' => 'shop_size', 'help' => '', 'labelNames' => [], 'labelValues' => [], 'value' => 5]);

$collector = new class implements CollectorInterface {
    public function toArray(): array
    {
        return ['type' => 'gauge', 'namespace' => 'app', 'subsystem' => '', 'help' => 'Jobs.', 'labels' => ['queue'], 'buckets' => []];
    }
};
$metrics = new RoadRunner\Metrics();
$metrics->declare('jobs', $collector);
$metrics->add('jobs', 5, ['mail']);
$metrics->sub('jobs', 1, ['mail']);
$metrics->add('calls_total', 1);
try {
    $metrics->observe('jobs', 1, ['mail']);
} catch (MetricsException $e) {
    echo $e->getMessage(), "\n";
}
foreach ($storage->collect() as $family) {
    ['name' => $name, 'type' => $type, 'labelNames' => $names, 'samples' => $samples] = $family->data;
    echo "$name $type ", implode(',', $names), "\n";
    foreach ($samples as $sample) {
        echo '  ', $sample['name'], ' ', json_encode([$sample['labelNames'], $sample['labelValues'], $sample['value']]), "\n";
    }
}
$metrics->unregister('jobs');
echo implode(' ', array_column(Metrics\families(), 'name')), "\n";
$storage->wipeStorage();
var_dump(Metrics\families());
$storage->updateCounter($data + ['value' => 1, 'command' => Adapter::COMMAND_INCREMENT_INTEGER]);
echo Metrics\families()[0]['samples'][0]['value'], "\n";
?>
--EXPECT--
Pillion\Metrics\observe(): Argument #1 ($name) must be the name of a histogram or a summary, app_jobs is a gauge
php_info gauge version
  php_info [[],["8"],1]
app_jobs gauge queue
  app_jobs [[],["mail"],4]
calls_total counter 
  calls_total [[],[],1]
shop_load gauge 
  shop_load [[],[],2.5]
shop_orders counter kind,country
  shop_orders [[],["web","7"],3]
shop_seconds histogram a
  shop_seconds_bucket [["le"],["b","0.5"],0]
  shop_seconds_bucket [["le"],["b","1"],1]
  shop_seconds_bucket [["le"],["b","+Inf"],1]
  shop_seconds_count [[],["b"],1]
  shop_seconds_sum [[],["b"],0.7]
shop_size summary 
  shop_size_count [[],[],1]
  shop_size_sum [[],[],5]
calls_total shop_load shop_orders shop_seconds shop_size
array(0) {
}
1
