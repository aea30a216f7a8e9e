package loadgen_test

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

func ExampleParse() {
	src := `version: 1
targets:
  api: { url: "${URL:-http://127.0.0.1:3000}", protocol: socketio }
clients:
  chatters:
    flow:
      - { emit: say, args: [hi], rate: 2, for: 10s }
thresholds:
  ack_latncy: p99 < 200ms
`
	_, diags := loadgen.Parse("chat.yaml", []byte(src), nil)
	fmt.Println(diags.Format())
	// Output:
	// chat.yaml:7:40: rate: 2: bare number, write 2/s
	//   7 |       - { emit: say, args: [hi], rate: 2, for: 10s }
	//     |                                        ^
	// chat.yaml:9:3: unknown metric "ack_latncy"
	//   9 |   ack_latncy: p99 < 200ms
	//     |   ^
	//   hint: did you mean "ack_latency"?
}
