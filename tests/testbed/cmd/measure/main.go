// Command measure runs two commands in turn and prints what each took as a whole process: the medians of wall time,
// CPU time and peak memory, and the ratios of the first to the second, pair by pair. In one run, so that a machine
// that slows down slows both.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

type figures struct{ wall, cpu, memory float64 } // milliseconds, milliseconds, MiB

func main() {
	log.SetFlags(0)
	runs := flag.Int("runs", 9, "counted runs of each command, after one that is not")
	name := flag.String("name", "", "what the row is about")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: measure [-runs N] [-name TEXT] 'COMMAND' 'OTHER COMMAND'; each is given to sh -c exec")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	var first, second []figures
	for n := range *runs + 1 {
		a, b := run(flag.Arg(0)), run(flag.Arg(1))
		if n > 0 {
			first, second = append(first, a), append(second, b)
		}
	}
	row := func(label, unit string, of func(figures) float64) {
		var ratios []float64
		for n := range first {
			ratios = append(ratios, of(first[n])/of(second[n]))
		}
		fmt.Printf("| %s | %s | %.1f | %.1f | %s | %.2f |\n", *name, label, median(first, of), median(second, of), unit, middle(ratios))
	}
	row("wall", "ms", func(f figures) float64 { return f.wall })
	row("CPU", "ms", func(f figures) float64 { return f.cpu })
	row("peak memory", "MiB", func(f figures) float64 { return f.memory })
}

// run is one whole process, its output read and thrown away.
func run(command string) figures {
	cmd := exec.Command("sh", "-c", "exec "+command)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	started := time.Now()
	err := cmd.Run()
	wall := time.Since(started)
	// Exit code 3 is an answer.
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 3 {
		log.Fatalf("%s: %v", command, err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return figures{ms(wall), ms(cpu), float64(usage.Maxrss) / 1024}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(all []figures, of func(figures) float64) float64 {
	var values []float64
	for _, f := range all {
		values = append(values, of(f))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
