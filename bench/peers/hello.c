/* The hello world with libfcgi: hello <socket path>. */
#include <fcgiapp.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  FCGX_Request request;
  int listener;
  if (argc < 2 || FCGX_Init() != 0) return EXIT_FAILURE;
  listener = FCGX_OpenSocket(argv[1], 4096);
  if (listener < 0 || FCGX_InitRequest(&request, listener, 0) != 0) return EXIT_FAILURE;
  while (FCGX_Accept_r(&request) == 0) {
    FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n", request.out);
    FCGX_Finish_r(&request);
  }
  return EXIT_SUCCESS;
}
