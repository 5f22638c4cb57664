package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"rowcast/internal/throwaway"
)

const phpMyAdmin = "/usr/share/phpmyadmin"

// TestPHPMyAdmin is the story that rowcast is for: somebody edits a row in
// phpMyAdmin, and a page that is open elsewhere shows it.
func TestPHPMyAdmin(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := newStageOn(t, f, nil, "")
		s.PMA = servePHPMyAdmin(t, s)
		script(t, "phpmyadmin.mjs", s)
	})
}

// servePHPMyAdmin serves a copy of Debian's package, with a config of its own.
func servePHPMyAdmin(t *testing.T, s *stage) string {
	dir := t.TempDir()
	root := filepath.Join(dir, "phpmyadmin")
	// A copy, since the package reads its config from a fixed place.
	if out, err := exec.Command("cp", "-rL", phpMyAdmin, root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s; internal/browser/install.sh installs phpMyAdmin", err, out)
	}
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.inc.php")
	write(config, fmt.Sprintf(`<?php
$cfg['blowfish_secret'] = '01234567890123456789012345678901';
$cfg['Servers'][1]['auth_type'] = 'config';
$cfg['Servers'][1]['host'] = 'localhost';
$cfg['Servers'][1]['socket'] = '%s';
$cfg['Servers'][1]['user'] = 'root';
$cfg['Servers'][1]['password'] = '';
$cfg['Servers'][1]['AllowNoPassword'] = true;
$cfg['SendErrorReports'] = 'never';
$cfg['VersionCheck'] = false;
`, s.db.Socket()))
	vendor := filepath.Join(root, "libraries", "vendor_config.php")
	text, err := os.ReadFile(vendor)
	if err != nil {
		t.Fatal(err)
	}
	replaced := regexp.MustCompile(`'(configFile|tempDir)' => .*,`).ReplaceAllFunc(text, func(line []byte) []byte {
		if string(line[1:8]) == "tempDir" {
			return fmt.Appendf(nil, "'tempDir' => '%s/',", dir)
		}
		return fmt.Appendf(nil, "'configFile' => '%s',", config)
	})
	write(vendor, string(replaced))

	port := freePort(t)
	cmd := exec.Command(find(t, "php"), "-d", "session.save_path="+dir, "-d", "opcache.enable_cli=1", "-S", "127.0.0.1:"+port, "-t", root)
	cmd.Dir = dir
	run(t, cmd)
	url := "http://127.0.0.1:" + port + "/"
	poll(t, "phpMyAdmin", func() string { return hinders(url) })
	return url
}
