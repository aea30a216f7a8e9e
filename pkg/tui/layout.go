package tui

// pane is a part of the inspect screen that can have the focus.
type pane int

const (
	paneEvents pane = iota
	paneDetail
	paneConn
	paneCount
)

func (p pane) String() string {
	return [...]string{"Events", "JSON", "Connection"}[p]
}

// shape is the class of a layout.
type shape int

const (
	shapeTiny   shape = iota // too small for anything
	shapeStrip               // one status line and the log
	shapeNarrow              // one pane at a time
	shapeNormal              // log and JSON side by side
	shapeWide                // likewise, with more room for JSON and more columns
)

const (
	wideColumns   = 120
	normalColumns = 80
	narrowColumns = 50
	boxedRows     = 12 // fewer rows have no borders

	metricsRows = 14 // the metrics line goes below this height,
	sendRows    = 20 // then the idle send box,
	connRows    = 24 // and the Connection strip goes first
	connHeight  = 5
	sendHeight  = 3
)

// layoutState is what the layout depends on besides the size.
type layoutState struct {
	focus  pane
	zoom   bool
	typing bool // the send box is in use and needs a place at any size
}

// regions are the parts of the screen; empty ones are not drawn.
type regions struct {
	shape                                               shape
	header, metrics, events, detail, conn, send, footer rect
}

// layout places the parts on a screen of w by h. When there is not enough
// height the Connection strip goes first, then the metrics line, never the log.
func layout(w, h int, st layoutState) regions {
	r := regions{}
	switch {
	case w < 30 || h < 6:
		return regions{shape: shapeTiny, events: rect{0, 0, w, h}}
	case w < narrowColumns || h < boxedRows:
		r.shape = shapeStrip
	case w < normalColumns:
		r.shape = shapeNarrow
	case w < wideColumns:
		r.shape = shapeNormal
	default:
		r.shape = shapeWide
	}
	top, bottom := 1, h
	r.header = rect{0, 0, w, 1}
	if r.shape == shapeStrip {
		if st.typing {
			bottom--
			r.send = rect{0, bottom, w, 1}
		}
		body := rect{0, top, w, bottom - top}
		if st.focus == paneDetail {
			r.detail = body
		} else {
			r.events = body
		}
		return r
	}
	bottom--
	r.footer = rect{0, bottom, w, 1}
	if h >= metricsRows {
		r.metrics = rect{0, top, w, 1}
		top++
	}
	if st.typing || h >= sendRows {
		bottom -= sendHeight
		r.send = rect{0, bottom, w, sendHeight}
	}
	single := r.shape == shapeNarrow || st.zoom
	if !single && h >= connRows {
		bottom -= connHeight
		r.conn = rect{0, bottom, w, connHeight}
	}
	body := rect{0, top, w, bottom - top}
	if single {
		switch st.focus {
		case paneDetail:
			r.detail = body
		case paneConn:
			r.conn = body
		default:
			r.events = body
		}
		return r
	}
	side := 30
	if r.shape == shapeWide {
		side = w * 2 / 5
	}
	r.events = rect{body.x, body.y, body.w - side, body.h}
	r.detail = rect{body.x + body.w - side, body.y, side, body.h}
	return r
}
