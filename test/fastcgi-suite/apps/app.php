<?php
// The contract of the conformance suite (see run.ts) for php-fpm.
parse_str($_SERVER['QUERY_STRING'] ?? '', $query);
header('Content-Type: text/plain');
switch (strtok($_SERVER['REQUEST_URI'] ?? '/', '?')) {
  case '/params':
    foreach ($_SERVER as $name => $value) {
      if (strpos($name, 'CONF_') === 0) echo $name, '=', bin2hex($value), "\n";
    }
    break;
  case '/header':
    $name = 'HTTP_' . strtoupper(str_replace('-', '_', $query['name']));
    echo isset($_SERVER[$name]) ? 'value=' . bin2hex($_SERVER[$name]) : 'none';
    break;
  case '/stdin':
    $hash = hash_init('sha256');
    $length = 0;
    $body = fopen('php://input', 'r');
    while (!feof($body)) {
      $chunk = fread($body, 65536);
      $length += strlen($chunk);
      hash_update($hash, $chunk);
    }
    echo $length, ' ', hash_final($hash);
    break;
  case '/status':
    http_response_code((int) $query['code']);
    echo 'body';
    break;
  case '/large':
    for ($left = (int) $query['bytes']; $left > 0; $left -= 65536) echo str_repeat('x', min($left, 65536));
    break;
  case '/never':
    sleep(30);
    break;
  case '/stream':
    echo "first\n";
    flush();
    sleep(30);
    break;
  case '/ticks':
    for ($left = 20; $left > 0; $left--) {
      echo 'tick ', $query['token'], "\n";
      flush();
      usleep(10000);
    }
    break;
  case '/throw':
    throw new Exception('secret of the application');
  case '/throw-late':
    echo 'part';
    flush();
    throw new Exception('failure after the head');
  case '/stderr':
    error_log($query['text']);
    echo 'done';
    break;
  case '/unread':
    echo 'unread';
    break;
  case '/crlf':
    header("X-Test: a\r\nInjected: 1");
    echo 'accepted';
    break;
  case '/cookies':
    header('Set-Cookie: a=1', false);
    header('Set-Cookie: b=2', false);
    echo 'cookies';
    break;
  case '/hop':
    header('Connection: keep-alive');
    header('Keep-Alive: timeout=5');
    header('Upgrade: h2c');
    echo 'hop';
    break;
  case '/chunked':
    header('Transfer-Encoding: chunked');
    echo 'one';
    flush();
    echo 'two';
    break;
  case '/length':
    header('Content-Length: ' . $query['declared']);
    echo str_repeat('x', (int) $query['sent']);
    break;
  case '/empty-writes':
    flush();
    echo '';
    flush();
    echo 'a';
    flush();
    echo '';
    flush();
    echo 'b';
    break;
  case '/informational':
    http_response_code(501);
    break;
  default:
    http_response_code(404);
    echo 'unknown path';
}
