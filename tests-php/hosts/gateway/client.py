"""The client of the tests: `client.py COMMAND ARGUMENTS…` prints its result as JSON."""

import hashlib
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse

ACCESS_KEY, SECRET_KEY, BUCKET = 'AKIDTEST', 'secret-of-the-test', 'artifacts'


class Connection:
    """Sends requests to one address over one connection."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.http = http.client.HTTPConnection(self.address, timeout=120)

    def send(self, method, url, body=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        assert parts.netloc == self.address, url
        target = parts.path + ('?' + parts.query if parts.query else '')
        self.http.request(method, target, body, headers or {})
        answer = self.http.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def send(method, url, body=None, headers=None):
    return Connection(url).send(method, url, body, headers)


def negotiate(connection, gateway, action, key, content=None, token='trusted'):
    request = {'action': action, 'hash': key}
    if content is not None:
        request |= {'sha256': hashlib.sha256(content).hexdigest(), 'size': len(content)}
    headers = {'Authorization': 'Bearer ' + token}
    status, _, body = connection.send('POST', gateway + '/v1/negotiate', json.dumps(request), headers)
    return json.loads(body) if status == 200 else {'status': status}


def amazon(url):
    import boto3
    from botocore.config import Config

    return boto3.client('s3', endpoint_url=url, region_name='us-east-1', aws_access_key_id=ACCESS_KEY,
                        aws_secret_access_key=SECRET_KEY,
                        config=Config(s3={'addressing_style': 'path'}, signature_version='s3v4',
                                      retries={'total_max_attempts': 1}))


def bucket(storage):
    """Creates the bucket."""
    try:
        client = amazon(storage)
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key='other', Body=b'other')
        return True
    except Exception as error:
        print(error, file=sys.stderr)
        return False


def race(gateway, writers, keys, way):
    """Many writers of each key, all of which are told that it is absent: `presigned` by the URL of the storage,
    `gateway` through the gateway. The storage delays writers that meet at one key by seconds, so all meet at the first
    keys only; they write the others in random orders."""
    writers, keys, together = int(writers), int(keys), 3
    barrier = threading.Barrier(writers)
    statuses = [[0] * keys for _ in range(writers)]

    def content(key, writer):
        return f'{key} of writer {writer}'.encode()

    def write(writer):
        connection, storage = Connection(gateway), None
        items = []
        for key in range(keys):
            sha256 = hashlib.sha256(content(key, writer)).hexdigest()
            described = {'sha256': sha256, 'size': len(content(key, writer))} if way == 'presigned' else {}
            items.append({'hash': f'race-{way}-{key}'} | described)
        request = json.dumps({'action': 'upload', 'hashes': items})
        headers = {'Authorization': 'Bearer trusted'}
        _, _, body = connection.send('POST', gateway + '/v1/negotiate', request, headers)
        answers = json.loads(body)['results']
        order = list(range(together, keys))
        random.Random(writer).shuffle(order)
        barrier.wait()
        for key in [*range(together), *order]:
            answer = answers[f'race-{way}-{key}']
            if key < together:
                barrier.wait()
            if way == 'presigned':
                storage = storage or Connection(answer['url'])
                sender, headers = storage, answer['headers']
            else:
                sender = connection
            statuses[writer][key], _, _ = sender.send('PUT', answer['url'], content(key, writer), headers)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection, wrong, seen = Connection(gateway), [], {}
    for key in range(keys):
        column = [statuses[writer][key] for writer in range(writers)]
        for status in column:
            seen[str(status)] = seen.get(str(status), 0) + 1
        winners = [writer for writer in range(writers) if column[writer] == 200]
        path = f'{gateway}/v1/proxy/blob/race-{way}-{key}'
        status, _, body = connection.send('GET', path, None, {'Authorization': 'Bearer read'})
        if len(winners) != 1 or status != 200 or body != content(key, winners[0]):
            wrong.append([key, winners, status, body.decode(errors='replace')])
    return {'wrong': wrong[:5], 'statuses': seen}


def misuse(gateway):
    """Each wrong use of the URL of an upload, then the right one, and that again: the statuses."""
    content = b'artifact' * 1000
    answer = negotiate(Connection(gateway), gateway, 'upload', 'misuse', content)
    url, headers = answer['url'], answer['headers']
    unconditional = {name: value for name, value in headers.items() if name != 'if-none-match'}
    unchecked = {name: value for name, value in headers.items() if 'checksum' not in name}
    other = url.replace('/misuse?', '/other?')
    longer = content + b'!'
    return {
        'without headers': send('PUT', url, content)[0],
        'without the condition': send('PUT', url, content, unconditional)[0],
        'without the checksum': send('PUT', url, content, unchecked)[0],
        'another condition': send('PUT', url, content, headers | {'if-none-match': '"x"'})[0],
        'other bytes': send('PUT', url, b'x' * len(content), headers)[0],
        'more bytes': send('PUT', url, longer, headers)[0],
        'another key': send('PUT', other, content, headers)[0],
        'another method': send('DELETE', url, None, headers)[0],
        'a copy': send('PUT', url, content, headers | {'x-amz-copy-source': BUCKET + '/other'})[0],
        'right': send('PUT', url, content, headers)[0],
        'again': send('PUT', url, content, headers)[0],
    }


def expired(gateway):
    """The statuses of URLs after their lifetime of a second."""
    connection, content = Connection(gateway), b'late'
    send('PUT', gateway + '/v1/proxy/blob/there', content, {'Authorization': 'Bearer trusted'})
    upload = negotiate(connection, gateway, 'upload', 'late', content)
    download = negotiate(connection, gateway, 'download', 'there')
    time.sleep(3)
    return [send('PUT', upload['url'], content, upload['headers'])[0], send('GET', download['url'])[0]]


def amazons_client(gateway, storage):
    """boto3's transport with the gateway's URLs, and boto3 itself on the objects."""
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session

    session, connection, client = URLLib3Session(), Connection(gateway), amazon(storage)
    content = b'sent by boto3' * 1000
    upload = negotiate(connection, gateway, 'upload', 'boto3', content)
    request = AWSRequest('PUT', upload['url'], data=content, headers=upload['headers'])
    stored = session.send(request.prepare()).status_code
    download = negotiate(connection, gateway, 'download', 'boto3', token='read')
    received = session.send(AWSRequest('GET', download['url']).prepare())
    part = session.send(AWSRequest('GET', download['url'], headers={'Range': 'bytes=5-10'}).prepare())
    read = client.get_object(Bucket=BUCKET, Key='trusted/v1/boto3', ChecksumMode='ENABLED')
    try:
        client.put_object(Bucket=BUCKET, Key='trusted/v1/boto3', Body=b'other', IfNoneMatch='*')
        second = 200
    except client.exceptions.ClientError as error:
        second = error.response['ResponseMetadata']['HTTPStatusCode']
    # An object of another program has no record.
    client.put_object(Bucket=BUCKET, Key='trusted/v1/foreign', Body=b'foreign')
    return {
        'stored': stored,
        'received': received.content == content,
        'part': part.content.decode(),
        'checksum': download['sha256'] == hashlib.sha256(read['Body'].read()).hexdigest(),
        'second': second,
        'foreign': negotiate(connection, gateway, 'download', 'foreign')['status'],
    }


def trust(gateway):
    """Each role writes a key of its own, and all write one key, untrusted ones first: who reads what."""
    roles = ['pr-1', 'pr-2', 'read', 'trusted']
    connection = Connection(gateway)

    def write(role, key):
        content = role.encode()
        answer = negotiate(connection, gateway, 'upload', key, content, role)
        if answer['status'] == 'upload_needed':
            assert send('PUT', answer['url'], content, answer['headers'])[0] == 200

    def read(role, key):
        answer = negotiate(connection, gateway, 'download', key, token=role)
        through = connection.send('GET', f'{gateway}/v1/proxy/blob/{key}', None, {'Authorization': 'Bearer ' + role})
        if answer['status'] != 'found':
            assert (answer['status'], through[0]) == (404, 404), (role, key, through)
            return None
        content = send('GET', answer['url'])[2]
        assert content == through[2] and answer['sha256'] == hashlib.sha256(content).hexdigest()
        return content.decode()

    for role in roles:
        write(role, 'of-' + role)
        write(role, 'one')
    roles.insert(0, roles.pop())
    return {
        'own keys': {writer: [reader for reader in roles if read(reader, 'of-' + writer)] for writer in roles},
        'one key': {reader: read(reader, 'one') for reader in roles},
    }


def incomplete(gateway, key):
    """The exception of a download."""
    try:
        status, _, body = send('GET', f'{gateway}/v1/proxy/blob/{key}', None, {'Authorization': 'Bearer trusted'})
        return f'{status}, {len(body)} bytes'
    except (http.client.HTTPException, OSError) as error:
        return type(error).__name__


def objects(storage):
    """The names of all objects."""
    listed = amazon(storage).list_objects_v2(Bucket=BUCKET)
    return sorted(entry['Key'] for entry in listed.get('Contents', []))


def changed(storage, key):
    """The time of an object's last change."""
    return amazon(storage).head_object(Bucket=BUCKET, Key=key)['LastModified'].timestamp()


def upload(gateway, key, size):
    """Sends that many bytes, and reads them again: statuses, and whether they are the same."""
    size, headers = int(size), {'Authorization': 'Bearer trusted'}
    block = bytes(range(256)) * 4096
    sent, received = hashlib.sha256(), hashlib.sha256()

    def blocks():
        for _ in range(size // len(block)):
            sent.update(block)
            yield block

    path = f'{gateway}/v1/proxy/blob/{key}'
    stored = send('PUT', path, blocks(), headers | {'Content-Length': str(size // len(block) * len(block))})[0]
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(gateway).netloc, timeout=120)
    connection.request('GET', f'/v1/proxy/blob/{key}', None, headers)
    answer = connection.getresponse()
    while data := answer.read(1 << 20):
        received.update(data)
    return {'stored': stored, 'status': answer.status, 'same': sent.digest() == received.digest()}


def endless(gateway, key):
    """Sends bytes until the connection breaks off."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(gateway).netloc, timeout=30)
    connection.putrequest('PUT', f'/v1/proxy/blob/{key}')
    connection.putheader('Authorization', 'Bearer trusted')
    connection.putheader('Content-Length', str(1 << 40))
    connection.endheaders()
    print('sending', flush=True)
    try:
        while True:
            connection.send(b'x' * 65536)
            time.sleep(0.01)
    except OSError:
        return True


COMMANDS = [bucket, race, misuse, expired, amazons_client, trust, incomplete, objects, changed, upload, endless]

if __name__ == '__main__':
    commands = {command.__name__.replace('_', '-'): command for command in COMMANDS}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
