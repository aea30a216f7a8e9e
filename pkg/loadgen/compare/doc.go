// Package compare tells whether one side of a comparison, head, is worse than
// the other, base, from the JSON reports of runs of the same load.
//
// Latencies are compared by the ratio of their percentiles. Its interval is
// made of what is known about how such a percentile varies:
//
//   - with several runs a side, from how the runs differ from each other;
//   - with one run, from a bootstrap of its histogram. The samples of a run
//     are not independent (a slow second is slow for everyone), so they count
//     for as many as the spread of the run's blocks says, see effective.
//
// Both sides go into one interval by Welch's method, in logarithms. What is
// asked of all rows together is that equal sides are told apart in at most one
// of twenty comparisons, so each row has its share of that (Bonferroni).
//
// The package reads documents and imports nothing of the engine but its
// histograms.
package compare
