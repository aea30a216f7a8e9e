//go:build linux

package main

import "math"

// fit returns the costs whose sums come nearest to what was measured, by least
// squares: y is about the sum of cost[i] times row[i]. A cost that would be
// negative is 0. It returns nil when the rows don't tell the costs apart.
func fit(rows [][]float64, y []float64) []float64 {
	if len(rows) == 0 {
		return nil
	}
	cost := make([]float64, len(rows[0]))
	var use []int
	for i := range cost {
		use = append(use, i)
	}
	for len(use) > 0 {
		part := solve(rows, y, use)
		if part == nil {
			return nil
		}
		worst := 0
		for i := range part {
			if part[i] < part[worst] {
				worst = i
			}
		}
		if part[worst] >= 0 {
			for i, column := range use {
				cost[column] = part[i]
			}
			break
		}
		use = append(use[:worst:worst], use[worst+1:]...)
	}
	return cost
}

// solve is least squares on some columns: Gauss on the normal equations.
func solve(rows [][]float64, y []float64, use []int) []float64 {
	n := len(use)
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n+1)
		for k, row := range rows {
			for j := range use {
				a[i][j] += row[use[i]] * row[use[j]]
			}
			a[i][n] += row[use[i]] * y[k]
		}
	}
	for i := range n {
		pivot := i
		for j := i; j < n; j++ {
			if math.Abs(a[j][i]) > math.Abs(a[pivot][i]) {
				pivot = j
			}
		}
		a[i], a[pivot] = a[pivot], a[i]
		if math.Abs(a[i][i]) < 1e-9 {
			return nil
		}
		for j := range n {
			if j == i {
				continue
			}
			f := a[j][i] / a[i][i]
			for k := i; k <= n; k++ {
				a[j][k] -= f * a[i][k]
			}
		}
	}
	x := make([]float64, n)
	for i := range n {
		x[i] = a[i][n] / a[i][i]
	}
	return x
}
