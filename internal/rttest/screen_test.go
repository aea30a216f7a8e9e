package rttest

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestScreen runs a small program: it asks the terminal something, echoes a
// line, and takes its time.
func TestScreen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewScreen(t, 20, 4)
		done := make(chan struct{})
		go func() {
			defer close(done)
			in := bufio.NewReader(s)
			fmt.Fprint(s, "\x1b[?1049h\x1b[c") // alternate screen; what are you?
			answer, _ := in.ReadString('c')
			fmt.Fprintf(s, "%d bytes\n", len(answer))
			line, _ := in.ReadString('\r')
			time.Sleep(4 * time.Second)
			fmt.Fprintf(s, "\x1b[1;31m%s\x1b[m", strings.TrimSpace(line))
		}()
		s.WaitText("bytes")
		s.Type("hello\r")
		text := s.WaitText("hello")
		<-done
		if !s.AltScreen() {
			t.Error("not on the alternate screen")
		}
		if lines := strings.Split(text, "\n"); len(lines) != 5 || lines[0] == "0 bytes" || lines[1] != "hello" {
			t.Errorf("screen %q", text)
		}
		if s.Written() == 0 {
			t.Error("nothing was written")
		}
	})
}
