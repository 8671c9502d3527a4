//go:build ignore

// ollama reads {"modelfile", "requests": [{"messages", "tools"}]} with the packages of Ollama itself
// (parser, template, api) and prints {"commands", "vars", "texts"} as JSON. To be built inside of Ollama's
// module; tests/exports/ollama drives it.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/parser"
	"github.com/ollama/ollama/template"
)

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func main() {
	var in struct {
		Modelfile string
		Requests  []struct {
			Messages []api.Message
			Tools    api.Tools
		}
	}
	var out struct {
		Commands [][2]string `json:"commands"`
		Vars     []string    `json:"vars"`
		Texts    []string    `json:"texts"`
	}
	check(json.NewDecoder(os.Stdin).Decode(&in))
	file, err := parser.ParseFile(strings.NewReader(in.Modelfile))
	check(err)
	source := ""
	for _, command := range file.Commands {
		out.Commands = append(out.Commands, [2]string{command.Name, command.Args})
		if command.Name == "template" {
			source = command.Args
		}
	}
	made, err := template.Parse(source)
	check(err)
	out.Vars, err = made.Vars()
	check(err)
	for _, request := range in.Requests {
		var text bytes.Buffer
		check(made.Execute(&text, template.Values{Messages: request.Messages, Tools: request.Tools}))
		out.Texts = append(out.Texts, text.String())
	}
	check(json.NewEncoder(os.Stdout).Encode(out))
}
